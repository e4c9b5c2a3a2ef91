package domain

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
)

// Keys makes a pair of keys.
type Keys struct {
	Domain   string `arg:"" help:"The domain that signs: as a rule what is behind the @ of the tenant's from."`
	Selector string `help:"What the selectors begin with; waxwing and the month by default." placeholder:"S"`
	Dir      string `help:"The folder to write the keys to." default:"." placeholder:"DIR"`
}

// pair is one new key.
type pair struct {
	selector, file, private, record string
}

// Run makes both keys, or neither.
func (c Keys) Run(s orders.Streams) error {
	name, err := clean(c.Domain)
	if err != nil {
		return err
	}
	if c.Selector == "" {
		c.Selector = "waxwing" + time.Now().UTC().Format("200601")
	}
	pairs, err := c.make(name)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		if err := writeNew(p.file, p.private); err != nil {
			for _, done := range pairs[:i] {
				_ = os.Remove(done.file) // made a moment ago
			}
			return err
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Wrote %s and %s, for your eyes alone.\n\nPublish, in a zone file (BIND):\n\n", pairs[0].file, pairs[1].file)
	for _, p := range pairs {
		fmt.Fprintln(&b, zoneLine(p.selector+"._domainkey."+name, p.record))
	}
	b.WriteString("\nThe same for a form, name and value:\n\n")
	for _, p := range pairs {
		fmt.Fprintf(&b, "%s\n%s\n\n", p.selector+"._domainkey."+name, p.record)
	}
	fmt.Fprintf(&b, `Then, once "waxwing domain check %[1]s" finds them, in the tenant's block of the configuration, paths from there:

    dkim:
      domain: %[1]s
      selector: %[2]s
      key: "file:%[3]s"
      also:
        - {selector: %[4]s, key: "file:%[5]s"}
        # During a rotation the old key stays here for a week: {selector: OLD, key: "file:OLD.pem"}
`, name, pairs[0].selector, filepath.ToSlash(pairs[0].file), pairs[1].selector, filepath.ToSlash(pairs[1].file))
	_, err = s.Out.Write([]byte(b.String()))
	return err
}

// make makes the keys and what is published of them.
func (c Keys) make(name string) (pairs []pair, err error) {
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	for _, k := range []struct {
		kind string
		key  any
	}{{"rsa", r}, {"ed25519", e}} {
		der, err := x509.MarshalPKCS8PrivateKey(k.key)
		if err != nil {
			return nil, err
		}
		p := pair{selector: c.Selector + "-" + k.kind, private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
		p.file = filepath.Join(c.Dir, p.selector+"."+name+".pem")
		key, err := dkim.ParseKey(waxwing.Secret(p.private))
		if err != nil {
			return nil, err
		}
		if _, err := dkim.New(name, p.selector, key); err != nil {
			return nil, fmt.Errorf("--selector %q: %w", c.Selector, err)
		}
		p.record = key.Record()
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// writeNew writes a file that was not there, for its owner alone.
func writeNew(file, text string) (err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // the user's own folder
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and a key is never written over: choose another --selector, or another --dir", file)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file) // half a key
	}
	return err
}

// zoneLine is a TXT record as a zone file has it, in strings of up to 255 bytes (RFC 1035, 3.3).
func zoneLine(name, value string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. 3600 IN TXT (", name)
	for len(value) > 0 {
		n := min(len(value), 255)
		fmt.Fprintf(&b, " \"%s\"", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value[:n]))
		value = value[n:]
	}
	return b.String() + " )"
}
