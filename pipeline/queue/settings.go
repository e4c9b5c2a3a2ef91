package queue

import (
	"net/url"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing/config"
)

// CheckURL reports a broker's address that is no URL of these schemes with a host. The messages
// hold nothing of it: it may have a password.
func CheckURL(r *config.Report, key string, value config.Secret, schemes ...string) {
	if r.Bad(key) || value == "" {
		return // reported where it was read
	}
	u, err := url.Parse(value.Reveal())
	if err != nil || u.Hostname() == "" || !slices.Contains(schemes, u.Scheme) {
		r.Fail(key, r.Path(key)+" is no address of such a broker", "Write "+schemes[0]+"://user:password@host:port; the schemes are "+strings.Join(schemes, ", "))
	}
}
