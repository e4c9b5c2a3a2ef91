package httpsend

import (
	"fmt"
	"net/url"

	"github.com/waxwinghq/waxwing/config"
)

// CheckBase reports an address at key that is none, or by which the provider's key would cross the
// network in the clear. own says what it is where the key is left out.
func CheckBase(r *config.Report, key, value, own string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		r.Fail(key, fmt.Sprintf("%s %s is no https address", r.Path(key), r.Quote(key)), "Take it out for "+own)
	case u.Scheme == "http" && !config.IsLoopback(u.Hostname()):
		r.Fail(key, r.Path(key)+": keys and customers' data would cross the network in the clear", "Use https; http is for a stand-in on this host")
	}
}

// Need reports a value that is left out; what says what to write.
func Need(r *config.Report, key, value, what string) {
	if value == "" {
		r.Fail(key, r.Path(key)+" is empty", "Write "+what)
	}
}
