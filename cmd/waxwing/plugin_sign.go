package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins"
)

type pluginSignCmd struct {
	pluginDir
	Key    string `required:"" help:"The file of the private key." type:"path" placeholder:"FILE"`
	New    bool   `help:"Make the key, and print what belongs under plugin_keys."`
	Tenant string `env:"WAXWING_TENANT" help:"The tenant that it is for: the signature holds for no other."`
	Number int64  `help:"A number greater than that of the plugin's last signature, so that no older one can be put again; the time in seconds by default." placeholder:"N"`
}

// Run prints the signature of a project, or makes a key.
func (c pluginSignCmd) Run(s streams) error {
	if c.New {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(c.Key, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, hex.EncodeToString(key.Seed()))
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "plugin_keys: {release: %q}\n", hex.EncodeToString(pub))
		return err
	}
	if c.Tenant == "" {
		return errors.New("--tenant (or WAXWING_TENANT) is empty: name the tenant that the plugin is for")
	}
	if c.Number < 0 || c.Number > plugins.MostNumber {
		return fmt.Errorf("--number %d: a number from 1 to %d", c.Number, int64(plugins.MostNumber))
	}
	p, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	number := c.Number
	if number == 0 {
		number = time.Now().Unix()
	}
	sig, err := signature(c.Key, c.Tenant, p, number)
	if err == nil {
		_, err = fmt.Fprintln(s.out, sig)
	}
	return err
}

func signature(file, tenant string, p *project, number int64) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return "", fmt.Errorf("%s is no key of \"waxwing plugin sign --new\": want 32 bytes in hex", relative(file))
	}
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(seed), plugins.Signed(waxwing.TenantID(tenant), p.manifest.Name, number, p.raw, p.body))
	return plugins.FormatSignature(number, sig), nil
}
