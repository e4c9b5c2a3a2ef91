//go:build unix

package web

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/shop/shopify"
)

// inGroups takes events as a ledger does that costs nothing: those that wait, together.
type inGroups chan chan struct{}

func (g inGroups) Accept(context.Context, *waxwing.Event) (waxwing.Receipt, error) {
	done := make(chan struct{})
	g <- done
	<-done
	return waxwing.Receipt{ID: 1 << 20, State: waxwing.Received, New: true}, nil
}

// commit ends when the channel is closed.
func (g inGroups) commit() {
	for range time.Tick(5 * time.Millisecond) {
		for more := true; more; {
			select {
			case done, open := <-g:
				if !open {
					return
				}
				close(done)
			default:
				more = false
			}
		}
	}
}

// BenchmarkWebhook is a shop's webhook from its bytes to the 202, over connections that stay
// open, with nothing behind the server. What its client does is within the figures: a write
// and a read of the system's.
func BenchmarkWebhook(b *testing.B) {
	groups := make(inGroups, 1<<10)
	go groups.commit()
	defer close(groups)
	s := New(Parts{Config: configtest.With(map[string]config.Tenant{"acme": {Shops: map[string]config.Shop{"web": {Format: "shopify", Secret: "s3cret"}}}}),
		Formats: map[string]waxwing.Format{"shopify": shopify.Format}, Intake: groups})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	raw := bytes.Repeat([]byte(`{"title":"IPod Nano - 8gb","price":"199.00","quantity":1},`), 95)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(raw)
	ask := fmt.Appendf(nil, "POST /hooks/acme/web HTTP/1.1\r\nHost: waxwing.example\r\nUser-Agent: Shopify-Captain-Hook\r\nContent-Length: %d\r\n"+
		"Accept: */*\r\nContent-Type: application/json\r\nX-Shopify-Topic: orders/paid\r\nX-Shopify-Hmac-Sha256: %s\r\nX-Shopify-Shop-Domain: acme.example\r\n\r\n",
		len(raw), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	ask = append(ask, raw...)
	b.SetParallelism(64)
	b.ReportAllocs()
	before := spent(b)
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		got := make([]byte, 1<<10)
		for pb.Next() {
			if _, err := c.Write(ask); err != nil {
				b.Error(err)
				return
			}
			n, err := c.Read(got)
			if err != nil || !bytes.HasPrefix(got[:n], []byte("HTTP/1.1 202 ")) {
				b.Errorf("%v: %s", err, got[:n])
				return
			}
		}
	})
	b.ReportMetric((spent(b)-before)/float64(b.N), "cpu-us/op")
	if err := s.Shutdown(context.Background()); err != nil {
		b.Error(err)
	}
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// spent is how many microseconds of the processors' time this process has taken.
func spent(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
}
