// Package wire looks at a connection without using it up. Whoever is about to
// write the byte after which a message may count as sent wants to know first
// whether the other side is still there and silent.
package wire
