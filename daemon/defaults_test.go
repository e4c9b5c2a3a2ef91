package daemon

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// TestDefaultsAgree holds the defaults of the configuration to those of the libraries that
// may be used without one.
func TestDefaultsAgree(t *testing.T) {
	c := configtest.Load(t, Components(), "providers: {mail: {type: smtp, addr: \"mail.example:25\"}}\ntenants: {acme: {name: Acme, from: orders@acme.example}}\n")
	l, p := abi.DefaultLimits(), c.Plugins
	if p.Fuel != int64(l.Fuel) || p.Wall.D() != l.Wall || p.Order.D() != l.Order || p.Start.D() != l.Start || p.Types != l.Types {
		t.Errorf("plugins: %+v, and %+v", p, l)
	}
	s := c.Providers["mail"].Settings.(*smtp.Settings)
	minutes := func(n int) config.Duration { return config.Duration(time.Duration(n) * time.Minute) }
	want := smtp.StepTimeouts{Connect: config.Duration(30 * time.Second), Banner: minutes(5), Ehlo: minutes(5), Auth: minutes(2), Mail: minutes(5), Rcpt: minutes(5), Data: minutes(2), Body: minutes(3)}
	if s.Timeouts != want || s.DotTimeout != minutes(10) { // RFC 5321, 4.5.3.2
		t.Errorf("smtp: %+v", s.Timeouts)
	}
}
