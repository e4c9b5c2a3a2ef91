//go:build !linux

package plugins

// background is Linux's: elsewhere a thread has no priority of its own.
func background() {}
