package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// large begins a large order and gives what sends the rest of it.
func large(t *testing.T, addr, head string, size int) (rest func() int) {
	t.Helper()
	c := talk(t, addr, fmt.Sprintf("%sContent-Length: %d\r\n\r\n", head, size))
	const part = 64 << 10
	part0 := []byte(strings.Repeat(" ", part))
	return func() int {
		sent, pace := 0, time.NewTicker(time.Second/8)
		defer pace.Stop()
		for ; sent+part < size; sent += part { // half a MiB a second
			if _, err := c.Write(part0); err != nil {
				return 0
			}
			<-pace.C
		}
		if _, err := c.Write(append(part0[:size-sent-2], "{}"...)); err != nil {
			return 0
		}
		return said(c)
	}
}

// A shop with a slow line sends a large order for seconds: it keeps its place and its
// room while others promise bodies and begin them, and send no more.
func TestSlowButHonest(t *testing.T) {
	const most = 16
	_, addr := crowd(t, most, func(p *Parts) { p.Config.HTTP.MaxBody, p.Room = 2<<20, 32<<20 })
	const hook = "POST /hooks/acme/web HTTP/1.1\r\nHost: a\r\nX-Sign: good\r\n"
	code := make(chan int, 1)
	rest := large(t, addr, hook, 1<<20)
	go func() { code <- rest() }()
	begun := strings.Repeat(" ", 5000)
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case got := <-code:
			if got != http.StatusAccepted {
				t.Errorf("%d", got)
			}
			return
		case <-pace.C:
			c, err := dialAndSend(addr, "POST /hooks/acme/web HTTP/1.1\r\nHost: a\r\nX-Sign: bad\r\nContent-Length: 2000000\r\n\r\n"+begun)
			if err == nil {
				t.Cleanup(func() { _ = c.Close() })
			}
		}
	}
}

// dialAndSend sends what it can on a new connection and leaves it open.
func dialAndSend(addr, send string) (net.Conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, send) // it may be hung up on
	return c, nil
}
