package fcm_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/fcm"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a provider for the server at url.
func open(url string, timeout time.Duration) (channeltest.Provider, error) {
	c := httpsend.Config{Name: "out", Connections: 4, Timeout: timeout, ConnectTimeout: timeout, Clock: func() time.Time { return channeltest.Now }}
	return fcm.New(&fcm.Settings{BaseURL: url, Account: account(url)}, c)
}

func TestMatrix(t *testing.T) {
	var asked atomic.Int64
	tokens := serve(t, &asked, http.NotFoundHandler())
	defer tokens.Close()
	channeltest.Matrix{Open: func(url string, timeout time.Duration) (channeltest.Provider, error) {
		c := httpsend.Config{Name: "out", Timeout: timeout, ConnectTimeout: timeout, Clock: func() time.Time { return channeltest.Now }}
		return fcm.New(&fcm.Settings{BaseURL: url, Account: account(tokens.URL)}, c)
	}, Message: push(1), Made: `{"name":"projects/shop/messages/0:1500"}`,
		No: `{"error":{"message":"no"}}`}.Run(t, "testdata/matrix.tsv")
}
