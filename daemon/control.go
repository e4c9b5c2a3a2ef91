package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// controlFile is where a daemon says in its data folder which process it is and what came
// of its last reload. It is locked as long as the process lives, so that what a dead one
// left is not taken for a living one.
const controlFile = "running.json"

// Running is what a daemon says of itself to commands on the same machine.
type Running struct {
	PID int `json:"pid"`
	// Reloads counts the attempts.
	Reloads int       `json:"reloads"`
	At      time.Time `json:"at"`
	// Said is what came of the last one, and Failed that nothing was changed by it.
	Said   string `json:"said,omitempty"`
	Failed bool   `json:"failed,omitempty"`
}

// Control is the daemon's side of the file.
type Control struct {
	f *os.File
	r Running
}

// OpenControl begins to say in a data folder that this process runs. It makes the folder
// where a ledger elsewhere did not.
func OpenControl(data string) (*Control, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(data, controlFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f, true); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
	}
	c := &Control{f: f, r: Running{PID: os.Getpid(), At: time.Now()}}
	return c, c.write()
}

// Reloaded says what came of a reload.
func (c *Control) Reloaded(said string, err error) error {
	c.r.Reloads++
	c.r.At, c.r.Said, c.r.Failed = time.Now(), said, err != nil
	if err != nil {
		c.r.Said = err.Error()
	}
	return c.write()
}

// write writes in place: the lock is the file's.
func (c *Control) write() error {
	b, err := json.Marshal(c.r)
	if err == nil {
		err = c.f.Truncate(0)
	}
	if err == nil {
		_, err = c.f.WriteAt(append(b, '\n'), 0)
	}
	return err
}

// Close takes the file away.
func (c *Control) Close() error { return errors.Join(os.Remove(c.f.Name()), c.f.Close()) }

// ErrNotRunning is that no daemon holds a data folder.
var ErrNotRunning = errors.New("no daemon is running")

// LookUp says which daemon holds a data folder. ErrNotRunning: none does.
func LookUp(data string) (r Running, err error) {
	f, err := os.Open(filepath.Join(data, controlFile))
	if errors.Is(err, os.ErrNotExist) {
		return r, ErrNotRunning
	}
	if err != nil {
		return r, err
	}
	defer func() { _ = f.Close() }() // only read
	if lockFile(f, false) == nil {
		return r, ErrNotRunning
	}
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s cannot be read: %w", f.Name(), err)
	}
	if r.PID <= 0 {
		return r, fmt.Errorf("%s names no process", f.Name())
	}
	return r, nil
}
