package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// script is an SMTP server that goes wrong once, at one phase, in one way, and
// otherwise does the usual. It counts the messages that it may have delivered:
// a dot that it did not refuse.
type script struct {
	phase, fault string
	tls          *tls.Config
	implicit     bool
	startTLS     bool
	pipelining   bool
	auth         bool
	offers       string // EHLO lines that are said in the clear only

	fired    chan struct{} // closed when the fault has begun
	once     sync.Once
	done     atomic.Bool
	accepted atomic.Int64
	conns    atomic.Int64
	stop     chan struct{}
	l        net.Listener
	wg       sync.WaitGroup
}

// listen starts the server. Its sockets hold little, so that a reader who
// stalls is felt.
func (s *script) listen(t testing.TB) string {
	lc := net.ListenConfig{}
	if s.phase == "body" && (s.fault == "stall" || s.fault == "slow-loris") {
		lc.Control = func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		}
	}
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.l, s.fired, s.stop = l, make(chan struct{}), make(chan struct{})
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			s.wg.Go(func() {
				defer c.Close()
				k := &scripted{s: s, raw: c.(*net.TCPConn), c: c}
				stop := context.AfterFunc(closing(s.stop), func() { _ = c.Close() })
				defer stop()
				k.run()
			})
		}
	})
	return l.Addr().String()
}

func (s *script) close() {
	_ = s.l.Close()
	close(s.stop)
	s.wg.Wait()
}

// closing is a context that ends with the channel.
type closing <-chan struct{}

func (closing) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c closing) Done() <-chan struct{}     { return c }
func (c closing) Value(any) any             { return nil }
func (c closing) Err() error {
	select {
	case <-c:
		return context.Canceled
	default:
		return nil
	}
}

// scripted is one connection.
type scripted struct {
	s    *script
	raw  *net.TCPConn
	c    net.Conn
	r    *bufio.Reader
	mail bool
	rcpt bool
}

// errOver ends the conversation.
var errOver = fmt.Errorf("over")

func (k *scripted) say(text string) error {
	_, err := io.WriteString(k.c, text)
	return err
}

// at answers phase p with usual, or goes wrong; code is what was said, 0 where
// it was no valid reply.
func (k *scripted) at(p string, code int, usual string) (int, error) {
	if k.s.phase != p || !k.s.done.CompareAndSwap(false, true) {
		return code, k.say(usual)
	}
	defer k.s.once.Do(func() { close(k.s.fired) })
	f := k.s.fault
	if len(f) == 3 && f[0] >= '2' && f[0] <= '5' {
		said := int(f[0]-'0')*100 + int(f[1]-'0')*10 + int(f[2]-'0')
		if said == code {
			return code, k.say(usual)
		}
		return said, k.say(f + " scripted\r\n")
	}
	ok := fmt.Sprintf("%03d", code)
	switch f {
	case "no-code":
		return 0, k.say("hello there\r\n")
	case "999":
		return 0, k.say("999 what\r\n")
	case "1xx":
		return 0, k.say("150 wait\r\n")
	case "nul": // in the text, which decides nothing
		return code, k.say(strings.TrimSuffix(usual, "\r\n") + " o\x00k\r\n")
	case "8bit":
		return code, k.say(strings.TrimSuffix(usual, "\r\n") + " gr\xfc\xdfe\r\n")
	case "bare-lf":
		return code, k.say(strings.ReplaceAll(usual, "\r\n", "\n"))
	case "mismatched-multiline":
		return 0, k.say(ok + "-one\r\n550 two\r\n")
	case "early":
		return code, k.say(usual + "250 early\r\n")
	case "endless-multiline":
		lines := strings.Repeat(ok+"-and on\r\n", 100)
		err := k.say(lines)
		k.s.once.Do(func() { close(k.s.fired) })
		for err == nil {
			err = k.say(lines)
		}
		return 0, err
	case "10MiB-line":
		err := k.say(ok + " ")
		k.s.once.Do(func() { close(k.s.fired) })
		chunk := strings.Repeat("a", 64<<10)
		for i := 0; i < 160 && err == nil; i++ {
			err = k.say(chunk)
		}
		return 0, err
	}
	return 0, k.sever(f, ok)
}

// sever does the faults of the line rather than of the server.
func (k *scripted) sever(f, ok string) error {
	switch f {
	case "rst":
		_ = k.raw.SetLinger(0)
		_ = k.raw.Close()
	case "mid-byte":
		_ = k.say(ok[:1])
		_ = k.raw.SetLinger(0)
		_ = k.raw.Close()
	case "fin":
		_ = k.raw.CloseWrite()
		_ = k.raw.Close()
	case "half-close":
		if t, ok := k.c.(*tls.Conn); ok {
			_ = t.CloseWrite()
		}
		_ = k.raw.CloseWrite()
		k.s.once.Do(func() { close(k.s.fired) })
		return nil // and goes on reading
	case "stall":
		<-k.s.stop
	case "slow-loris":
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for _, c := range ok + " " + strings.Repeat("slow", 1000) + "\r\n" {
			select {
			case <-tick.C:
			case <-k.s.stop:
				return errOver
			}
			if err := k.say(string(c)); err != nil {
				return err
			}
		}
	}
	return errOver
}

func (k *scripted) run() {
	s := k.s
	if s.phase == "connect" && s.done.CompareAndSwap(false, true) {
		s.done.Store(false)
		_, _ = k.at("connect", 220, "220 hello\r\n")
		if s.fault == "half-close" {
			_, _ = io.Copy(io.Discard, k.raw)
		}
		_ = k.raw.Close()
		return
	}
	if s.implicit && k.encrypt() != nil {
		return
	}
	k.r = bufio.NewReader(k.c)
	if _, err := k.at("banner", 220, "220 mx.example\r\n"); err != nil {
		return
	}
	for {
		line, err := k.r.ReadString('\n')
		if err != nil || k.command(strings.ToUpper(strings.TrimSpace(line))) != nil {
			return
		}
	}
}

func (k *scripted) encrypt() error {
	if k.s.phase == "handshake" && !k.s.done.Load() {
		// The ClientHello is read first, so that the fault answers it.
		if _, err := k.raw.Read(make([]byte, 16<<10)); err != nil {
			return err
		}
		if _, err := k.at("handshake", 220, "220 hello\r\n"); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, k.raw)
		return errOver
	}
	c := tls.Server(k.raw, k.s.tls)
	if err := c.Handshake(); err != nil {
		return err
	}
	k.c, k.r = c, bufio.NewReader(c)
	return nil
}

func (k *scripted) command(line string) (err error) {
	s, code := k.s, 0
	verb, _, _ := strings.Cut(line, " ")
	switch verb {
	case "EHLO":
		p, text := "ehlo", "250-mx.example\r\n"
		if s.pipelining {
			text += "250-PIPELINING\r\n"
		}
		if _, encrypted := k.c.(*tls.Conn); encrypted && !s.implicit {
			p = "ehlo2"
		} else if s.startTLS {
			text += "250-STARTTLS\r\n" + s.offers
		}
		if s.auth {
			text += "250-AUTH LOGIN PLAIN\r\n"
		}
		_, err = k.at(p, 250, text+"250 ENHANCEDSTATUSCODES\r\n")
	case "STARTTLS":
		if code, err = k.at("starttls", 220, "220 go\r\n"); code == 220 && err == nil {
			return k.encrypt()
		}
	case "AUTH":
		_, err = k.at("auth", 235, "235 welcome\r\n")
	case "MAIL":
		code, err = k.at("mail", 250, "250 ok\r\n")
		k.mail, k.rcpt = code/100 == 2, false
	case "RCPT":
		switch {
		case !k.mail:
			return k.say("503 no MAIL\r\n")
		case s.phase == "reset" && !s.done.Load():
			return k.say("550 refused, so that RSET comes\r\n")
		}
		code, err = k.at("rcpt", 250, "250 ok\r\n")
		k.rcpt = code/100 == 2
	case "DATA":
		if !k.rcpt {
			return k.say("503 no RCPT\r\n")
		}
		if code, err = k.at("data", 354, "354 go\r\n"); code == 354 && err == nil {
			return k.receive()
		}
	case "RSET":
		k.mail, k.rcpt = false, false
		_, err = k.at("reset", 250, "250 ok\r\n")
	case "QUIT":
		if s.phase == "reset" { // the same fault once more
			s.done.Store(false)
		}
		_, _ = k.at("reset", 221, "221 bye\r\n")
		return errOver
	default:
		err = k.say("500 what\r\n")
	}
	return err
}

// receive reads a body. Whatever else goes wrong, a dot that arrives counts as
// a message unless it is plainly refused.
func (k *scripted) receive() error {
	s := k.s
	if s.phase == "body" && !s.done.Load() {
		if _, err := k.r.Peek(1); err != nil {
			return err
		}
		if s.fault == "slow-loris" { // here it is the reading that is slow
			s.done.Store(true)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-s.stop:
					return errOver
				}
				if _, err := k.raw.Read(make([]byte, 1)); err != nil {
					return err
				}
			}
		}
		if _, err := k.at("body", 250, "250 too early\r\n"); err != nil {
			return err
		}
	}
	for {
		line, err := k.r.ReadBytes('\n')
		if err != nil {
			return err
		}
		if bytes.Equal(line, []byte(".\r\n")) {
			break
		}
	}
	k.mail, k.rcpt = false, false
	refuses := s.phase == "dot" && !s.done.Load() && len(s.fault) == 3 && (s.fault[0] == '4' || s.fault[0] == '5')
	if !refuses {
		s.accepted.Add(1) // before the reply, as a server must
	}
	_, err := k.at("dot", 250, "250 ok\r\n")
	return err
}

// certificate makes a self-signed certificate for host.
func certificate(t testing.TB, host string, from, to time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
