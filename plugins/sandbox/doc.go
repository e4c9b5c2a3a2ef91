// Package sandbox runs the code of plugins, which is hostile until proven otherwise.
//
// An Engine takes Code that Prepare has parsed, limited and instrumented (plugins/wasm),
// has it compiled by a child process into a sealed cache, loads it, and keeps instances that
// are set back to a snapshot after each call. Time is bounded by fuel and by the clock,
// memory by shares of tenants, and whatever a tenant's code takes, loading included, is
// charged to its Account. Which version of which plugin serves whom is not known here: see
// package plugins.
package sandbox
