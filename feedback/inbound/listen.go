package inbound

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/waxwinghq/waxwing/feedback/bounce"
)

// Bounds on one connection, beside the configuration's.
const (
	stepTimeout    = 2 * time.Minute  // for each command and each write
	sessionTimeout = 15 * time.Minute // for all of it, however slowly it goes on
	maxAddresses   = 20               // in one mail: servers return one mail to one address
	maxLine        = 64 << 10         // pages come without line ends
	headOfMail     = 1 << 20          // is kept: a report stands in front of the mail that it returns
)

func (s *Service) smtp() *smtp.Server {
	x := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{s: s, desk: s.desk()}, nil
	}))
	x.LMTP, x.Domain = s.cfg.Protocol == "lmtp", s.host()
	x.MaxMessageBytes, x.MaxRecipients, x.MaxLineLength = s.cfg.MaxSize, maxAddresses, maxLine
	x.ReadTimeout, x.WriteTimeout = stepTimeout, stepTimeout
	x.EnableSMTPUTF8 = true
	x.ErrorLog = quiet{s.log}
	return x
}

// session is one connection's.
type session struct {
	s    *Service
	desk *desk
	to   []address
}

// Mail takes any sender: bounces have none, complaints come from providers.
func (x *session) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt refuses whatever is no address of a message, here and alike.
func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	a, ok := x.desk.read(to)
	if !ok {
		return errNobody
	}
	x.to = append(x.to, a)
	return nil
}

// Data answers when what the mail tells is recorded.
func (x *session) Data(r io.Reader) error {
	if len(x.to) == 0 {
		return errFirst
	}
	head, err := io.ReadAll(io.LimitReader(r, headOfMail))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		return err // too large, or cut off
	}
	if err := x.s.take(x.s.ctx, x.to, bounce.Read(head)); err != nil {
		x.s.log.Error("a mail that came back could not be recorded; its server was told to try again", "err", err)
		return errLater
	}
	return nil
}

// Reset forgets the mail.
func (x *session) Reset() { x.to = nil }

// Logout is smtp.Session's; there is nothing to free.
func (x *session) Logout() error { return nil }

// quiet writes what the server's library has to say to a log that few read: what clients do
// wrong is no fault of this program.
type quiet struct{ log *slog.Logger }

func (q quiet) Printf(format string, v ...any) { q.log.Debug("smtp: " + fmt.Sprintf(format, v...)) }
func (q quiet) Println(v ...any)               { q.log.Debug("smtp: " + fmt.Sprint(v...)) }

// gate lets a number of connections in at once, each for a while.
type gate struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newGate(l net.Listener, n int) *gate {
	return &gate{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept waits for a place first: further clients wait in the system's queue.
func (g *gate) Accept() (net.Conn, error) {
	select {
	case g.free <- struct{}{}:
	case <-g.closed:
		return nil, net.ErrClosed
	}
	c, err := g.Listener.Accept()
	if err != nil {
		<-g.free
		return nil, err
	}
	x := &guest{Conn: c, gate: g}
	x.end = time.AfterFunc(sessionTimeout, func() { _ = c.Close() }) // its reader then ends
	return x, nil
}

// Close ends Accept, too, where it waits for a place.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Listener.Close()
}

// guest gives its place back once.
type guest struct {
	net.Conn
	gate *gate
	end  *time.Timer
	once sync.Once
}

func (x *guest) Close() error {
	x.once.Do(func() {
		x.end.Stop()
		<-x.gate.free
	})
	return x.Conn.Close()
}
