package ses_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/ses"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a provider for the server at url.
func open(url string, timeout time.Duration) (channeltest.Provider, error) {
	return ses.New(&ses.Settings{BaseURL: url, Region: "eu-central-1", AccessKey: "AKIAEXAMPLE", SecretKey: "secret"}, httpsend.Config{Name: "mail", Connections: 4,
		Timeout: timeout, ConnectTimeout: timeout, Clock: func() time.Time { return channeltest.Now }})
}

func TestMatrix(t *testing.T) {
	channeltest.Matrix{Open: open, Message: channeltest.Mail(1), Made: `{"MessageId":"010701-abc"}`,
		No: `{"message":"no"}`}.Run(t, "testdata/matrix.tsv")
}
