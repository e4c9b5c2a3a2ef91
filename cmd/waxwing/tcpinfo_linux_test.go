package main

import "syscall"

// tcpInfoState is the socket option whose first byte is the connection's state.
const tcpInfoState = syscall.TCP_INFO
