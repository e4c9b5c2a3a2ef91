package mx

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config/reach"
)

// trust says what a server's certificate has to be: good for its name where TLS is asked for. Else it may be anything: nobody has said
// what to expect, and a connection without TLS would be taken, too (RFC 7435, 3).
func (s *Sender) trust(k key) *tls.Config {
	return &tls.Config{ServerName: k.host, RootCAs: s.cfg.Roots, InsecureSkipVerify: k.mode == smtp.Opportunistic, MinVersion: tls.VersionTLS12}
}

func isInside(err error) bool { return errors.Is(err, reach.ErrInside) }

// plain takes the addresses out of an error: they are no business of a log's.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
