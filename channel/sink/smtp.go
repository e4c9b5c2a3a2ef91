package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Mail is one message that the server took responsibility for.
type Mail struct {
	MessageID string // without its angle brackets; "" if it has none
	From, To  string
	Data      []byte // as sent, dots taken off; nil unless Config.Keep
	Size      int    // of the message, dot-stuffing included
	At        time.Time
}

// Config says how the SMTP server behaves. The zero value accepts everything
// without TLS or login.
type Config struct {
	Hello string // its name in the banner ("sink.example")
	// Truth records what was accepted; nil: a new one in memory.
	Truth *Truth
	Plan  Plan
	// OnMail is called for each accepted message after Truth has it and before
	// the sender is answered; it may be called concurrently.
	OnMail func(Mail)
	// Keep hands OnMail the bytes, too.
	Keep bool
	// MaxSize refuses larger messages, in bytes (32 MiB).
	MaxSize int
	// TLS offers STARTTLS; with Implicit it is spoken from the first byte.
	TLS      *tls.Config
	Implicit bool
	// User and Password demand AUTH PLAIN or LOGIN before MAIL.
	User     string
	Password waxwing.Secret
	// Lockstep leaves PIPELINING out of the offer.
	Lockstep bool
	// Limit is the most connections at once; 0: no limit. What comes above it is
	// refused at LimitAt: PhaseConnect (a reset), PhaseBanner (421, also where
	// LimitAt is empty), PhaseEHLO or PhaseMail.
	Limit   int
	LimitAt waxwing.Phase
	// LimitWaits lets what comes above Limit wait in silence for its turn instead, as
	// a server does whose processes are all busy.
	LimitWaits bool
	// Linger is how long a connection that was taken counts against Limit after its end.
	Linger time.Duration
	// Renew ends a connection after so many mails; 0: never.
	Renew int
	// Clock stamps Mail.At; nil: the system's.
	Clock waxwing.Clock
}

// Server is an SMTP server that keeps nothing but counts. Make it with New.
type Server struct {
	cfg   Config
	mu    sync.Mutex
	open  map[net.Conn]struct{}
	ls    map[net.Listener]struct{}
	shut  bool
	came  int             // connections, refused ones among them
	queue []chan struct{} // connections that wait for their turn
	down  chan struct{}   // closed by Close
	wg    sync.WaitGroup
}

// New returns a server that listens nowhere yet.
func New(c Config) *Server {
	if c.Hello == "" {
		c.Hello = "sink.example"
	}
	if c.Truth == nil {
		c.Truth = NewTruth()
	}
	if c.MaxSize <= 0 {
		c.MaxSize = 32 << 20
	}
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	return &Server{cfg: c, down: make(chan struct{}), open: map[net.Conn]struct{}{}, ls: map[net.Listener]struct{}{}}
}

// Truth returns the record of what was accepted.
func (s *Server) Truth() *Truth { return s.cfg.Truth }

// Serve accepts connections from l until Close, then returns nil.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.shut {
		s.mu.Unlock()
		return l.Close()
	}
	s.ls[l] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.shut || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		go s.ServeConn(c)
	}
}

// Listen serves on a free port of the loopback address, or on addr where it is
// not "", and returns the address.
func (s *Server) Listen(addr string) (string, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return "", err
	}
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), nil
}

// ServeConn serves one connection until it ends, and closes it.
func (s *Server) ServeConn(c net.Conn) {
	s.mu.Lock()
	if s.shut {
		s.mu.Unlock()
		_ = c.Close()
		return
	}
	s.open[c] = struct{}{}
	s.came++
	over := s.cfg.Limit > 0 && len(s.open) > s.cfg.Limit
	if over && s.cfg.LimitWaits {
		turn := make(chan struct{})
		s.queue = append(s.queue, turn)
		s.mu.Unlock()
		select {
		case <-turn:
		case <-s.down:
		}
		over = false
		s.mu.Lock()
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()
	t := &talk{s: s, raw: c, c: c, in: make([]byte, 64<<10), over: over}
	t.run()
	_ = t.c.Close()
	if s.cfg.Linger > 0 && !t.over {
		forgotten := time.NewTimer(s.cfg.Linger)
		defer forgotten.Stop()
		select {
		case <-forgotten.C:
		case <-s.down:
		}
	}
	s.mu.Lock()
	delete(s.open, c)
	if len(s.queue) > 0 {
		close(s.queue[0])
		s.queue = s.queue[1:]
	}
	s.mu.Unlock()
}

// Close ends all listeners and connections and waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.shut {
		s.shut = true
		close(s.down)
	}
	for l := range s.ls {
		_ = l.Close()
	}
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// SetLimit changes Config.Limit for connections to come.
func (s *Server) SetLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Limit = n
}

// Came returns how many connections have been made, refused ones among them.
func (s *Server) Came() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came
}

// Open returns how many connections are open.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}
