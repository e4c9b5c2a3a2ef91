// Package sink receives what Waxwing sends and remembers it: an SMTP server
// and a stand-in for Twilio's Messages API. The demo shows its mailbox, the
// benchmarks send to it, and the torture tests hold the ledger against it: it
// is the truth about what a provider took responsibility for.
package sink

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"sync"
)

// Truth counts accepted messages by Message-ID (or idempotency key). It is
// safe for concurrent use.
type Truth struct {
	mu     sync.Mutex
	counts map[string]int
	total  int
	file   *os.File
	line   []byte
}

// NewTruth returns one that remembers in memory only.
func NewTruth() *Truth { return &Truth{counts: map[string]int{}} }

// OpenTruth returns one that also appends a line "id TAB recipient" to the
// file for each message, before the sender is answered, and has read the lines
// that are there already. It is not fsynced: the truth survives its own end,
// not the machine's.
func OpenTruth(path string) (*Truth, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open truth: %w", err)
	}
	t := NewTruth()
	if t.counts, err = readTruth(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	for _, n := range t.counts {
		t.total += n
	}
	t.file = f
	return t, nil
}

// ReadTruth reads the counts that another process's Truth has written so far.
func ReadTruth(path string) (map[string]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return readTruth(f)
}

func readTruth(r io.Reader) (map[string]int, error) {
	counts := map[string]int{}
	b := bufio.NewScanner(r)
	for b.Scan() {
		id, _, ok := bytes.Cut(b.Bytes(), []byte{'\t'})
		if ok {
			counts[string(id)]++
		}
	}
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("read truth: %w", err)
	}
	return counts, nil
}

// Add records one accepted message. An error means that the file does not have
// it, so that the message must not be accepted.
func (t *Truth) Add(id, to string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != nil {
		t.line = append(append(append(append(t.line[:0], id...), '\t'), to...), '\n')
		if _, err := t.file.Write(t.line); err != nil {
			return fmt.Errorf("write truth: %w", err)
		}
	}
	t.counts[id]++
	t.total++
	return nil
}

// Count returns how often the id was accepted.
func (t *Truth) Count(id string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[id]
}

// Counts returns a copy of all counts.
func (t *Truth) Counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// Total returns how many messages were accepted, repeats included.
func (t *Truth) Total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// Close closes the file.
func (t *Truth) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
