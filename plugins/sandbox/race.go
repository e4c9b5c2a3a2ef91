//go:build race

package sandbox

// raceFactor: the race detector reserves terabytes of addresses.
const raceFactor = 1 << 20

// raceSlowdown is how much longer a compilation takes with it.
const raceSlowdown = 10
