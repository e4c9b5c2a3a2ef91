package httptext_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/httptext"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a provider for the server at url.
func open(url string, timeout time.Duration) (channeltest.Provider, error) {
	c := httpsend.Config{Name: "out", Connections: 4, Timeout: timeout, ConnectTimeout: timeout, Clock: func() time.Time { return channeltest.Now }}
	return httptext.New(gateway(url), c)
}

func TestMatrix(t *testing.T) {
	channeltest.Matrix{Open: open, Message: channeltest.Text(1), Made: `{"ok":true,"id":"g-1"}`,
		No: `{"ok":false}`}.Run(t, "testdata/matrix.tsv")
}
