package inbound

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/feedback/bounce"
)

// mostAtOnce is how many mails of a folder are read in one go.
const mostAtOnce = 1000

// watch looks at the folder until ctx ends.
func (s *Service) watch(ctx context.Context) {
	t := time.NewTicker(s.cfg.Every.D())
	defer t.Stop()
	said := ""
	for {
		err := s.sweep(ctx)
		if text := errorText(err); text != said && ctx.Err() == nil { // once, not every time
			if said = text; err != nil {
				s.log.Error("the folder of mails that come back cannot be read to its end", "folder", s.cfg.Maildir, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// sweep reads what is in new and moves it to cur when it was told, or tells nothing. What
// cannot be told now stays, and so does all behind it: the ledger is asked again next time.
func (s *Service) sweep(ctx context.Context) error {
	dir, err := os.Open(filepath.Join(s.cfg.Maildir, "new"))
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(mostAtOnce)
	_ = dir.Close() // it was read only
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	d := s.desk()
	for _, name := range names {
		if ctx.Err() != nil {
			return nil
		}
		if strings.HasPrefix(name, ".") {
			continue
		}
		if err := s.file(ctx, d, name); err != nil {
			return err
		}
	}
	return nil
}

// file takes one mail of the folder.
func (s *Service) file(ctx context.Context, d *desk, name string) error {
	from := filepath.Join(s.cfg.Maildir, "new", name)
	info, err := os.Lstat(from)
	switch {
	case errors.Is(err, fs.ErrNotExist): // another daemon was faster
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular(): // a link would have us read elsewhere
		return nil
	}
	head, err := head(from)
	if err != nil {
		return err
	}
	r := bounce.Read(head)
	var to []address
	for _, a := range append(r.To, r.Original.ReturnPath) {
		if at, ok := d.read(a); ok {
			to = []address{at}
			break
		}
	}
	if len(to) > 0 {
		if err := s.take(context.WithoutCancel(ctx), to, r); err != nil {
			return err
		}
	}
	err = os.Rename(from, filepath.Join(s.cfg.Maildir, "cur", name+":2,S"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Lstat(from); errors.Is(gone, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

func head(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, headOfMail))
	return b, errors.Join(err, f.Close())
}
