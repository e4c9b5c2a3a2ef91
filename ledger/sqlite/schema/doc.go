// Package schema brings a file's tables to the layout that this program knows, one numbered
// migration after the other.
package schema
