// Package remote is how commands ask a running daemon.
package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Flags say where the daemon is.
type Flags struct {
	URL    string `default:"http://127.0.0.1:8080" env:"WAXWING_URL" help:"The daemon."`
	Tenant string `required:"" env:"WAXWING_TENANT" help:"The tenant."`
	Key    string `env:"WAXWING_KEY" help:"The tenant's API key; better given in the environment." placeholder:"KEY"`
}

// Call sends a request to the tenant's API. An answer that is no success is an
// error with the daemon's own words.
func (a Flags) Call(method, path, contentType string, body []byte, into any) error {
	if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url (or WAXWING_URL): %q is no address: write it as http://127.0.0.1:8080", a.URL)
	}
	if a.Tenant == "" {
		return errors.New("--tenant (or WAXWING_TENANT) is empty: name the tenant")
	}
	if a.Key == "" {
		return errors.New("--key (or WAXWING_KEY) is empty: set it to a key of the tenant's")
	}
	req, err := http.NewRequest(method, strings.TrimRight(a.URL, "/")+"/v1/tenants/"+url.PathEscape(a.Tenant)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.Key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Timeout: 90 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return Away(fmt.Errorf("the daemon at %s cannot be reached: %w", a.URL, err))
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return Away(fmt.Errorf("the daemon at %s broke off its answer: %w", a.URL, err))
	}
	if res.StatusCode >= 300 {
		var p struct{ Title, Detail string }
		if json.Unmarshal(b, &p) != nil || p.Title == "" {
			p.Title, p.Detail = res.Status, "is there a Waxwing at "+a.URL+"?"
		}
		p.Title, p.Detail = Printable(p.Title), Printable(p.Detail)
		if res.StatusCode == http.StatusNotFound {
			return NotFoundError{p.Title, p.Detail}
		}
		if res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests {
			return Away(fmt.Errorf("%s: %s", p.Title, p.Detail))
		}
		return fmt.Errorf("%s: %s", p.Title, p.Detail)
	}
	if raw, ok := into.(*[]byte); ok {
		*raw = b
		return nil
	}
	if into == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, into)
}

// AwayError is a daemon that does not answer, or is about to end.
type AwayError struct{ Err error }

// Away marks an error as one that waiting may mend.
func Away(err error) error { return AwayError{err} }

// Error says what happened.
func (e AwayError) Error() string { return e.Err.Error() }

// Unwrap gives what happened.
func (e AwayError) Unwrap() error { return e.Err }

// NotFoundError is the daemon's 404, in its own words.
type NotFoundError struct{ title, detail string }

// Error is what the daemon said.
func (e NotFoundError) Error() string {
	if strings.Contains(e.detail, "not found") {
		return e.detail
	}
	return e.title + ": " + e.detail
}

// Printable is text of a shop, a customer or a server as a terminal may have it: what
// would move its cursor, colour it or turn its writing round is shown as a box.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp):
			return '\u25a1'
		}
		return r
	}, s)
}
