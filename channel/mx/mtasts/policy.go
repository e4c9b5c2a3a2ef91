// Package mtasts knows what a domain asks of those who bring it mail: which servers are its own, and that
// they are spoken to under TLS with a certificate for their name (MTA-STS, RFC 8461).
package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mode says what a policy that cannot be kept to means.
type Mode string

// The modes (RFC 8461, 5).
const (
	Enforce Mode = "enforce" // no mail then
	Testing Mode = "testing" // the mail goes all the same
	None    Mode = "none"    // as if there were no policy
)

// Policy is what a domain has published. The zero Policy is that of a domain without one.
type Policy struct {
	Mode Mode
	// MX are the names of its servers, in lower case; "*.mail.example" is any name one label longer.
	MX []string
	// MaxAge is how long it holds after it was fetched.
	MaxAge time.Duration
}

// Bounds of a policy (RFC 8461, 3.2 and 3.3).
const (
	// MaxBytes is how long one is at most, so that nobody has us read for ever.
	MaxBytes = 64 << 10
	maxAge   = 31557600 * time.Second
	maxMX    = 1000
)

// Parse reads a policy (RFC 8461, 3.2). Of fields that stand twice the first counts, but for mx; what it
// does not know it passes over. Its errors say what is wrong with it.
func Parse(b []byte) (Policy, error) {
	if len(b) > MaxBytes {
		return Policy{}, fmt.Errorf("the policy is longer than %d bytes", MaxBytes)
	}
	var p Policy
	seen := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			if strings.TrimSpace(line) == "" {
				continue
			}
			return Policy{}, errors.New("the policy has a line without a colon")
		}
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if k == "mx" {
			if len(p.MX) == maxMX {
				return Policy{}, fmt.Errorf("the policy names more than %d servers", maxMX)
			}
			p.MX = append(p.MX, strings.TrimSuffix(strings.ToLower(v), "."))
		} else if _, twice := seen[k]; !twice {
			seen[k] = v
		}
	}
	age, err := strconv.ParseUint(seen["max_age"], 10, 63)
	p.Mode, p.MaxAge = Mode(seen["mode"]), maxAge
	switch {
	case seen["version"] != "STSv1":
		return Policy{}, errors.New("the policy's version is not STSv1")
	case p.Mode != Enforce && p.Mode != Testing && p.Mode != None:
		return Policy{}, errors.New("the policy's mode is none of enforce, testing and none")
	case err != nil || len(seen["max_age"]) > 10:
		return Policy{}, errors.New("the policy's max_age is no number of seconds")
	case len(p.MX) == 0 && p.Mode != None:
		return Policy{}, errors.New("the policy names no mx")
	}
	if s := time.Duration(min(age, uint64(maxAge/time.Second))) * time.Second; s < p.MaxAge {
		p.MaxAge = s
	}
	return p, nil
}

// Allows reports whether a server's name, in lower case without a last dot, is one of the policy's
// (RFC 8461, 4.1): a wildcard stands for exactly one label, the first.
func (p Policy) Allows(host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	for _, m := range p.MX {
		if m == host || parent != "" && m == "*."+parent {
			return true
		}
	}
	return false
}

// ID gives the id of the one record among a domain's texts that announces a policy (RFC 8461, 3.1); "" where
// there is none, or more than one, which counts as none.
func ID(texts []string) string {
	id, records := "", 0
	for _, t := range texts {
		fields := strings.Split(t, ";")
		if strings.TrimRight(fields[0], " \t") != "v=STSv1" {
			continue
		}
		records++
		for _, f := range fields[1:] {
			if v, ok := strings.CutPrefix(strings.Trim(f, " \t"), "id="); ok {
				id = v
				break
			}
		}
	}
	if records != 1 || len(id) > 32 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return ""
	}
	return id
}
