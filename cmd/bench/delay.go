package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// delayCmd is a wire with a round-trip time: every byte arrives half of it
// later.
type delayCmd struct {
	To  string        `required:""`
	RTT time.Duration `default:"20ms"`
}

// Run prints its address and forwards until standard input ends.
func (c delayCmd) Run() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		in, err := l.Accept()
		if err != nil {
			return err
		}
		out, err := net.Dial("tcp", c.To)
		if err != nil {
			return err
		}
		go late(out, in, c.RTT/2)
		go late(in, out, c.RTT/2)
	}
}

type piece struct {
	b  []byte
	at time.Time
}

func late(dst, src net.Conn, by time.Duration) {
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			b := make([]byte, 32<<10)
			n, err := src.Read(b)
			if n > 0 {
				pieces <- piece{b[:n], time.Now().Add(by)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.at))
		if _, err := dst.Write(p.b); err != nil {
			break
		}
	}
	_ = dst.Close()
}
