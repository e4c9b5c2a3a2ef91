package postmark_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/postmark"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a provider for the server at url.
func open(url string, timeout time.Duration) (channeltest.Provider, error) {
	return postmark.New(&postmark.Settings{BaseURL: url, Token: "secret", Stream: "outbound"}, httpsend.Config{Name: "mail", Connections: 4,
		Timeout: timeout, ConnectTimeout: timeout, Clock: func() time.Time { return channeltest.Now }})
}

func TestMatrix(t *testing.T) {
	channeltest.Matrix{Open: open, Message: channeltest.Mail(1), Made: `{"To":"c1@customer.example","MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817","ErrorCode":0,"Message":"OK"}`,
		No: `{"ErrorCode":0,"Message":"no"}`}.Run(t, "testdata/matrix.tsv")
}
