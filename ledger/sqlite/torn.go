package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// past looks back before anything is written: at what is lost, if a person has
// accepted that, or at why there is no start.
func (dir *folder) past() (lost *LossError, err error) {
	marks, found := dir.marks()
	short, err := dir.torn()
	if err != nil {
		return nil, err
	}
	if err := dir.mixture(marks, short); err != nil {
		return nil, err // nobody's word makes it whole
	}
	if err = dir.missing(marks); err == nil {
		err = dir.beforeOpening(marks, found)
	}
	a := dir.o.AcceptLoss
	if a != nil && !a.Nothing && a.Since.After(dir.o.Clock().Add(time.Minute)) {
		return nil, fmt.Errorf("--accept-loss %s lies in the future: name the time since when orders may be lacking", a.Since.Format(time.RFC3339))
	}
	switch {
	case !errors.As(err, &lost) || a == nil:
		return nil, err
	case a.Nothing && lost.proven:
		return nil, fmt.Errorf("--accept-loss none would mail again what was sent, since entries are lacking: %w", err)
	}
	return lost, nil
}

var errTorn = errors.New("it is shorter than it says itself")

// torn finds a database that was cut, within a page too, which SQLite would fill with zeros.
// A log may make up for that, and then it is short only: a disk that is full cuts what is moved from it.
func (dir *folder) torn() (short bool, err error) {
	f, err := os.Open(dir.path)
	if err != nil {
		return false, nil // missing tells
	}
	defer func() { _ = f.Close() }() // only read; SQLite has not opened it yet
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return false, err
	}
	var h [100]byte
	if _, err := f.ReadAt(h[:], 0); errors.Is(err, io.EOF) {
		return false, errTorn
	} else if err != nil {
		return false, err
	}
	page, pages := int64(binary.BigEndian.Uint16(h[16:])), int64(binary.BigEndian.Uint32(h[28:]))
	if page == 1 {
		page = 65536
	}
	if st.Size() >= page*pages || !bytes.Equal(h[24:28], h[92:96]) { // else SQLite does not believe the number, either
		return false, nil
	}
	if wal, err := os.Stat(realPath(dir.path) + "-wal"); err == nil && wal.Size() > 0 {
		return true, nil
	}
	return false, errTorn
}

// damaged adds the remedy to an error of a file that is no whole database.
func (dir *folder) damaged(err error) error {
	if faultOf(err) != diskBroken && !errors.Is(err, errTorn) {
		return err
	}
	name := filepath.Base(dir.path)
	return fmt.Errorf("%s is damaged or was cut (%w). Where the next start says so, too, put the newest whole ledger back, or a backup. If there is none, move %s and %s-wal out of the folder, "+
		"and start once with --accept-loss SINCE, since when orders may be lacking: what may have been sent is then held for a person", dir.path, err, name, name)
}
