package daemon

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/config/reach"
	"github.com/waxwinghq/waxwing/pipeline"
)

// resolveTo has every name lead to one address (RFC 1035), until the test ends.
func resolveTo(t *testing.T, to [4]byte) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for b := make([]byte, 1500); ; {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			end := 12
			for end < n && b[end] != 0 {
				end += int(b[end]) + 1
			}
			end += 5
			out := append([]byte{}, b[:end]...)
			copy(out[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
			if binary.BigEndian.Uint16(b[end-4:]) == 1 { // A
				out[7] = 1
				out = append(out, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, to[0], to[1], to[2], to[3])
			}
			_, _ = pc.WriteTo(out, from)
		}
	})
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = old; _ = pc.Close(); wg.Wait() })
}

// ownKeys are the keys of a tenant's own provider of each type that connects to HOST:PORT, a host and a port.
var ownKeys = map[string]string{
	"smtp":     `addr: "HOST:PORT", tls: none`,
	"twilio":   `account: AC1, token: t, from: "+15005550006", base_url: "https://HOST:PORT"`,
	"mailgun":  `domain: mg.example.com, key: k, base_url: "https://HOST:PORT"`,
	"ses":      `region: eu-central-1, access_key: AKIAEXAMPLE, secret_key: s, base_url: "https://HOST:PORT"`,
	"postmark": `token: t, base_url: "https://HOST:PORT"`,
	"sendgrid": `key: k, base_url: "https://HOST:PORT"`,
	"vonage":   `key: k, secret: s, from: Acme, base_url: "https://HOST:PORT"`,
	"httptext": `url: "https://HOST:PORT/texts", body: '{"to":"{to}","text":"{text}"}', accepted: {statuses: [200]}`,
}

// appKeys are an fcm account's, whose tokens are asked for where it says.
var appKeys = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	b, _ := json.Marshal(map[string]string{"type": "service_account", "project_id": "shop", "client_email": "a@acme.example", "token_uri": "https://HOST:PORT/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	return fmt.Sprintf("account: '%s'", b)
})

// recipients are those of each channel.
var recipients = map[waxwing.Channel]string{waxwing.Email: "jana@example.com", waxwing.SMS: "+4930123456", waxwing.Push: strings.Repeat("token", 20)}

// TestOwnProvidersReach: a tenant's own provider of any type that takes an address connects to the public internet,
// and nowhere else, whatever its address is written as or its name leads to, unless the operator allows that network.
func TestOwnProvidersReach(t *testing.T) {
	for _, x := range providerTypes {
		keys, ok := ownKeys[x.Name]
		if x.Name == "fcm" {
			keys, ok = appKeys(), true
		}
		if x.Name == "webpush" || x.Name == "mx" { // where they connect is the recipient's word: they have guards of their own, and tests of these
			continue
		}
		if !ok {
			t.Errorf("%s: nobody has looked at where it connects to", x.Name)
			continue
		}
		for _, at := range []string{"10.0.0.1:2525", "127.0.0.1:2525", "169.254.169.254:80", "[fe80::1]:2525", "[::1]:2525", "[::ffff:10.0.0.1]:2525", "[::ffff:169.254.169.254]:80",
			"[fd00:ec2::254]:80", "0.0.0.0:2525", "localhost:2525"} {
			t.Run(x.Name+" "+at, func(t *testing.T) { refused(t, x, strings.ReplaceAll(keys, "HOST:PORT", at)) })
		}
	}
}

// TestOwnProvidersNames: what counts is where a name leads when it is connected to.
func TestOwnProvidersNames(t *testing.T) {
	for _, to := range [][4]byte{{10, 0, 0, 1}, {127, 0, 0, 1}, {169, 254, 169, 254}, {192, 168, 0, 1}} {
		resolveTo(t, to)
		for _, x := range providerTypes {
			if keys, ok := ownKeys[x.Name]; ok {
				t.Run(fmt.Sprint(x.Name, to), func(t *testing.T) { refused(t, x, strings.ReplaceAll(keys, "HOST:PORT", "mail.acme.example:2525")) })
			}
		}
	}
}

// refused holds that a tenant's own provider is not connected to, and offers nothing.
func refused(t *testing.T, x providerType, keys string) {
	t.Helper()
	c := configtest.Load(t, Components(), "providers: {mail: {type: smtp, addr: \"127.0.0.1:25\", tls: none}}\ntenants: {acme: {name: Acme, from: a@acme.example, providers: {mine: {type: "+x.Name+", "+keys+"}}}}\n")
	all, err := openOwn(c.Tenants, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := all[pipeline.OwnName("acme", "mine")]
	defer func() { _ = p.Close(t.Context()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := &waxwing.Outgoing{Message: 1, Tenant: "acme", Channel: x.Carries, From: "a@acme.example", To: recipients[x.Carries], IdempotencyKey: "key",
		Data: []byte("From: a@acme.example\r\nTo: jana@example.com\r\nSubject: Order\r\nMessage-ID: <1@acme.example>\r\nContent-Type: text/plain\r\n\r\nThank you\r\n")}
	switch x.Carries {
	case waxwing.SMS:
		out.From, out.Data = "+15005550006", []byte("Thank you")
	case waxwing.Push:
		out.Data = []byte(`{"title":"Thank you"}`)
	}
	a := p.Offer(ctx, out, func() error { return nil })
	if !errors.Is(a.Err, reach.ErrInside) || a.Verdict != waxwing.Deferred || a.Phase != waxwing.PhaseConnect {
		t.Errorf("%+v", a)
	}
}
