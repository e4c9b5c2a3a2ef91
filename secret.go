package waxwing

import (
	"fmt"
	"log/slog"
)

// Secret is a key, token or password. It shows itself to nobody: printing,
// logging and encoding give a mark instead. Reveal is the only way to it.
type Secret string

// PII is a person's datum, such as an e-mail address or a provider's reply
// that may quote one. It hides like Secret.
type PII string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a mark.
func (Secret) String() string { return redacted }

// Format writes a mark for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns a mark.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a mark, so that no encoder writes a secret out.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the datum itself.
func (p PII) Reveal() string { return string(p) }

// String returns a mark.
func (PII) String() string { return redacted }

// Format writes a mark for every verb.
func (PII) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns a mark.
func (PII) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a mark.
func (PII) MarshalText() ([]byte, error) { return []byte(redacted), nil }
