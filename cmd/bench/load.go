package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// result is what the load generator saw of one order.
type result struct {
	due      time.Time // when it should have been sent
	accepted time.Time // when the answer was there
	ok       bool
}

// load posts requests over kept connections. With a rate each has its due
// time, and being late counts; without one they all are due at once. The connections are
// shared out to the addresses.
func load(addrs []string, reqs [][]byte, conns int, rate float64) ([]result, error) {
	out := make([]result, len(reqs))
	next := make(chan int, len(reqs))
	start := time.Now().Add(20 * time.Millisecond)
	for i := range reqs {
		out[i].due = start
		if rate > 0 {
			out[i].due = start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		}
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	errs := make(chan error, conns)
	for i := range conns {
		wg.Go(func() {
			c, err := net.Dial("tcp", addrs[i%len(addrs)])
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for i := range next {
				if d := time.Until(out[i].due); d > 0 {
					time.Sleep(d)
				}
				if err := post(c, r, reqs[i]); err != nil {
					errs <- err
					return
				}
				out[i].accepted, out[i].ok = time.Now(), true
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return out, err
	default:
		return out, nil
	}
}

var lengthKey = []byte("Content-Length: ")

// post writes one request and reads its answer: only as much of HTTP as this
// server speaks, for the generator's own cost is taken from the same cores.
func post(c net.Conn, r *bufio.Reader, req []byte) error {
	if _, err := c.Write(req); err != nil {
		return err
	}
	status, length := 0, 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if status == 0 {
			if len(line) < 12 {
				return io.ErrUnexpectedEOF
			}
			status, _ = strconv.Atoi(string(line[9:12]))
		}
		if bytes.HasPrefix(line, lengthKey) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthKey):])))
		}
		if len(line) <= 2 {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("HTTP %d: %s", status, body)
	}
	return nil
}
