//go:build race

package plugins

// raceFactor: the race detector reserves terabytes of addresses.
const raceFactor = 1 << 20
