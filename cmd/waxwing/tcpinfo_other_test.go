//go:build !linux

package main

// tcpInfoState is not there; the option fails, and the connection is made anew.
const tcpInfoState = -1
