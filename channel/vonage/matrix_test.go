package vonage_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/vonage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a provider for the server at url.
func open(url string, timeout time.Duration) (channeltest.Provider, error) {
	c := httpsend.Config{Name: "out", Connections: 4, Timeout: timeout, ConnectTimeout: timeout, Clock: func() time.Time { return channeltest.Now }}
	return vonage.New(&vonage.Settings{BaseURL: url, Key: "abcd", Secret: "secret", From: "+447700900000"}, c)
}

func TestMatrix(t *testing.T) {
	channeltest.Matrix{Open: open, Message: channeltest.Text(1), Made: `{"message-count":"1","messages":[{"to":"491700000001","message-id":"0A0000000123ABCD1","status":"0"}]}`,
		No: `{"title":"no"}`}.Run(t, "testdata/matrix.tsv")
}
