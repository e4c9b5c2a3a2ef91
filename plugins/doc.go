// Package plugins runs merchants' own code on their orders: WebAssembly
// modules and JavaScript, hostile until proven otherwise. A plugin can change
// what its own tenant's confirmation says; it can never delay, stop or read
// another's.
//
// A Host holds the versions of each tenant's plugins and asks their hooks. Below
// it, an Engine loads modules that were parsed, limited and instrumented by
// plugins/wasm and compiled by a child process, and keeps instances of them,
// which are set back to a snapshot after every call.
package plugins
