package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// anchored is what anchors say, and what is wrong with them.
type anchored struct {
	r       *verify.Report
	anchors map[int64]map[uint64]string
}

// readAnchors reads those of the files named, or of the data folder's file, whose newest
// the witness knows.
func (dir *folder) readAnchors(v *anchored, m *mark, paths []string) error {
	named := false
	for _, p := range paths {
		if p == "" {
			continue
		}
		named = true
		if err := dir.readAnchorsOf(v, p, true); err != nil {
			return err
		}
	}
	own := filepath.Join(dir.o.Dir, AnchorsFile)
	if !named {
		paths = []string{own}
		if err := dir.readAnchorsOf(v, own, false); err != nil {
			return err
		}
	}
	if v.r.Anchored.IsZero() {
		v.r.Blind = append(v.r.Blind, fmt.Sprintf("There is no good anchor in %s, so that a cut-off end, or a chain that somebody with the "+
			"keys wrote anew, cannot be seen. Name a copy of anchors.jsonl with --anchors FILE.", strings.Join(paths, ", ")))
		return nil
	}
	if !named && m != nil && m.anchored > 0 {
		newest := uint64(0)
		for seq := range v.anchors[m.Instance] {
			newest = max(newest, seq)
		}
		if newest < m.anchored {
			v.r.Problem("%s: the anchor of entry %d of chain %d, which the witness knows, is gone: anchors were cut off", own, m.anchored, m.Instance)
		}
	}
	return nil
}

func (dir *folder) readAnchorsOf(v *anchored, path string, named bool) error {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := trail.ReadAnchors(bytes.NewReader(b))
	if err != nil && named && len(list) == 0 { // another file was named: that accuses nobody
		return fmt.Errorf("%s is no copy of %s: %w", path, AnchorsFile, err)
	}
	if err != nil {
		v.r.Problem("%v", err)
	}
	pub := dir.keys.AnchorPublic()
	for i := range list {
		a := &list[i]
		v.r.Anchors++
		if err := a.Verify(pub); err != nil {
			v.r.Problem("%v", err)
			continue
		}
		if v.anchors[a.Instance] == nil {
			v.anchors[a.Instance] = map[uint64]string{}
		}
		if h, ok := v.anchors[a.Instance][a.Seq]; ok && h != a.Head {
			v.r.Problem("ALARM: two anchors of chain %d at entry %d differ (%s): two ledgers went on from one copy, each with mails of its own", a.Instance, a.Seq, path)
			continue
		}
		v.anchors[a.Instance][a.Seq] = a.Head
		if at := time.UnixMilli(a.At).UTC(); at.After(v.r.Anchored) {
			v.r.Anchored = at
		}
	}
	return nil
}
