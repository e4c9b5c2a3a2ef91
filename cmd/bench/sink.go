package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
)

// sinkCmd is the lean SMTP sink as a process. It prints its address, and on
// each line that it reads answers with what came in since: "count" with a
// number, "dump" with number and time of each mail.
type sinkCmd struct {
	Listen string `default:"127.0.0.1:0"`
}

type arrival struct{ n, at int64 }

// Run serves until standard input ends.
func (c sinkCmd) Run() error {
	var mu sync.Mutex
	var got []arrival
	s := sink.New(sink.Config{Truth: sink.NewTruth(), OnMail: func(m sink.Mail) {
		at := time.Now().UnixNano()
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(m.To, "c"), "@example.com"), 10, 64)
		mu.Lock()
		got = append(got, arrival{n, at})
		mu.Unlock()
	}})
	addr, err := s.Listen(c.Listen)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, addr)
	_ = out.Flush()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		mu.Lock()
		switch in.Text() {
		case "count":
			fmt.Fprintln(out, len(got))
		case "dump":
			fmt.Fprintln(out, len(got))
			for _, a := range got {
				_ = binary.Write(out, binary.LittleEndian, a.n)
				_ = binary.Write(out, binary.LittleEndian, a.at)
			}
			got = nil
		}
		mu.Unlock()
		_ = out.Flush()
	}
	return s.Close()
}

// remoteSink talks to a sink process.
type remoteSink struct {
	*process
	addr string
	in   io.Writer
	out  *bufio.Reader
}

func startSink() (*remoteSink, error) {
	p, in, out, err := spawnTalking("sink")
	if err != nil {
		return nil, err
	}
	r := &remoteSink{process: p, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	line, err := r.out.ReadString('\n')
	r.addr = strings.TrimSpace(line)
	return r, err
}

func (r *remoteSink) ask(q string) (int, error) {
	if _, err := fmt.Fprintln(r.in, q); err != nil {
		return 0, err
	}
	line, err := r.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

// wait waits until n mails are there.
func (r *remoteSink) wait(n int, limit time.Duration) error {
	end := time.Now().Add(limit)
	for {
		got, err := r.ask("count")
		if err != nil || got >= n {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("only %d of %d mails came within %s", got, n, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// dump gives and forgets the arrivals: the first of each order, and how many
// came more than once.
func (r *remoteSink) dump() (map[int64]time.Time, int, error) {
	n, err := r.ask("dump")
	if err != nil {
		return nil, 0, err
	}
	b := make([]byte, 16*n)
	if _, err := io.ReadFull(r.out, b); err != nil {
		return nil, 0, err
	}
	m := make(map[int64]time.Time, n)
	twice := 0
	rd := bytes.NewReader(b)
	for range n {
		var a arrival
		_ = binary.Read(rd, binary.LittleEndian, &a.n)
		_ = binary.Read(rd, binary.LittleEndian, &a.at)
		if _, ok := m[a.n]; ok {
			twice++
			continue
		}
		m[a.n] = time.Unix(0, a.at)
	}
	return m, twice, nil
}
