// Package plugins runs merchants' own code on their orders: WebAssembly
// modules and JavaScript, hostile until proven otherwise. A plugin can change
// what its own tenant's confirmation says; it can never delay, stop or read
// another's.
//
// A Host holds the versions of each tenant's plugins: it checks uploads in turns, brings
// versions to serve by shadow and canary, stops those that are worse, and asks their hooks.
// What plugin and host say to each other is package plugins/abi; what runs a plugin's
// code is package plugins/sandbox.
package plugins
