//go:build unix

package main

import "syscall"

// private keeps files that this process makes from everybody else, whatever the
// shell or unit that started it allows.
func private() { syscall.Umask(0o077) }
