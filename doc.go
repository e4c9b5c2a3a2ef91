// Package waxwing holds the words of the program: what an order, a
// confirmation, a message and an attempt are. Every other package speaks in
// them; this one imports nothing but the standard library.
package waxwing
