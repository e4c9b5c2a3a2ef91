//go:build !linux

package sandbox

// background is Linux's: elsewhere a thread has no priority of its own.
func background() {}
