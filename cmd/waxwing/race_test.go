//go:build race

package main

// raceDetector is on: everything takes ten times as long.
const raceDetector = true
