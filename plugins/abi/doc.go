// Package abi is what a plugin and its host say to each other: the manifest with the
// plugin's hooks and needs, the input that each hook is given, the answer that is taken
// from it, and the limits of all of these (docs/plugins.md). It runs nothing and keeps
// nothing, so that an author's tools, the check of an upload and an order's way read the
// same bytes by the same rules.
//
// Whatever an author wrote is read exactly: an unknown key, one that stands twice or that
// only looks like another one is refused with its place.
package abi
