// Package mapping reads the events of shops that nobody here knows by rules which stand in the
// configuration: for each field of the generic order (package generic) where in the event it stands,
// as JSON pointers, with conditions, constants and words of the shop's own. What the rules make is
// held to all that the generic order is.
package mapping
