package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// dkim reports what signing adds, on lines of its own.
func (b *bench) dkim() error {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	for _, k := range []struct {
		name string
		key  any
	}{{"Ed25519", ed}, {"RSA-2048", rs}} {
		der, err := x509.MarshalPKCS8PrivateKey(k.key)
		if err != nil {
			return err
		}
		dir := b.folder("dkim")
		file := filepath.Join(dir, "dkim.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			return err
		}
		s := setup{dir: dir, dkim: fmt.Sprintf("    dkim: {domain: acme.example, selector: s1, key: \"file:%s\"}\n", file)}
		if err := b.with(s, func(d *daemon) error {
			f, err := b.measure(d, 3000, 5, 64, 0)
			if err == nil {
				fmt.Printf("\nWith DKIM %s: %.0f orders/s, %d us CPU an order\n", k.name, f.perSecond, f.cpu.Microseconds())
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}
