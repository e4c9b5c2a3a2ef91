//go:build !race

package sandbox

// raceFactor is for builds with the race detector.
const raceFactor = 1

// raceSlowdown is for builds with the race detector.
const raceSlowdown = 1
