package httptext

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

// New is Open with the rest of what a provider over HTTP has.
func New(s *Settings, c httpsend.Config) (*httpsend.Sender, error) {
	if u, err := url.Parse(s.at("x")); err != nil || u.Host == "" || strings.ContainsAny(hostOf(s.URL), "{}") {
		return nil, errors.New("url is no address")
	}
	c.Kind = "httptext"
	return httpsend.New(c, &protocol{*s}), nil
}

type protocol struct{ Settings }

// Request fills the places of the address and the body.
func (p *protocol) Request(_ context.Context, out *waxwing.Outgoing) (*httpsend.Request, error) {
	if err := httpsend.CheckText(out); err != nil {
		return nil, err
	}
	from := p.From
	if from == "" {
		from = out.From
	}
	fill := func(in string, escape func(string) string) string {
		return strings.NewReplacer("{to}", escape(out.To), "{to_digits}", escape(strings.TrimPrefix(out.To, "+")), "{from}", escape(from),
			"{text}", escape(string(out.Data)), "{id}", escape(out.IdempotencyKey)).Replace(in)
	}
	// In an address a space is %20 wherever it stands; a plus is one only in a query.
	r := &httpsend.Request{Method: p.Method, URL: fill(p.URL, func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }), Header: http.Header{}}
	if p.Body != "" {
		r.Body = []byte(fill(p.Body, escapeFor(p.ContentType)))
		r.Header.Set("Content-Type", p.ContentType)
	}
	for _, h := range p.Headers {
		r.Header.Add(h.Name, h.Value.Reveal())
	}
	return r, nil
}

// escapeFor says how a value is written within a body of this type, so that no text can end its place.
func escapeFor(contentType string) func(string) string {
	switch t, _, _ := strings.Cut(contentType, ";"); {
	case strings.HasSuffix(t, "json"), t == "":
		return func(s string) string {
			b, _ := json.Marshal(s) // a string can always be
			return string(b[1 : len(b)-1])
		}
	case strings.HasSuffix(t, "x-www-form-urlencoded"):
		return url.QueryEscape
	case strings.HasSuffix(t, "xml"):
		return func(s string) string {
			var b bytes.Buffer
			_ = xml.EscapeText(&b, []byte(s)) // into memory
			return b.String()
		}
	}
	return func(s string) string { return s }
}

// Judge goes by the rules, and where none fits by the status.
func (p *protocol) Judge(a *waxwing.Attempt, ans *httpsend.Answer) {
	var doc any
	d := json.NewDecoder(bytes.NewReader(ans.Body))
	d.UseNumber()
	if !ans.Whole || d.Decode(&doc) != nil {
		doc = nil
	}
	err := ans.Error("")
	accepted := p.Accepted
	if accepted == nil {
		accepted = &Rule{}
	}
	switch {
	case p.Rejected.fits(ans.Status, doc):
		httpsend.Rule(a, waxwing.Rejected, waxwing.AddressFault, err)
	case p.Deferred.fits(ans.Status, doc):
		httpsend.Leave(a, err)
		a.RetryAfter = ans.RetryAfter()
	case (len(accepted.Statuses) > 0 || ans.Status/100 == 2) && accepted.fits(ans.Status, doc):
		ref, _ := find(doc, p.Ref)
		httpsend.Accept(a, ref[:min(len(ref), 200)])
	case ans.Status == http.StatusBadRequest || ans.Status == http.StatusUnprocessableEntity:
		httpsend.Rule(a, waxwing.Rejected, waxwing.PolicyFault, err)
	default:
		ans.ByStatus(a, err)
	}
}

// fits reports whether an answer is one of the rule's. No rule fits none.
func (r *Rule) fits(status int, doc any) bool {
	if r == nil || len(r.Statuses) > 0 && !slices.Contains(r.Statuses, status) {
		return false
	}
	if r.Pointer == "" {
		return true
	}
	v, ok := find(doc, r.Pointer)
	return ok && (len(r.Values) == 0 || slices.Contains(r.Values, v))
}

// find reads the value that a pointer names (RFC 6901), as text; false: there is none, or it has
// values in it.
func find(doc any, pointer string) (string, bool) {
	if pointer == "" {
		return "", false
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch x := doc.(type) {
		case map[string]any:
			var ok bool
			if doc, ok = x[part]; !ok {
				return "", false
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				return "", false
			}
			doc = x[i]
		default:
			return "", false
		}
	}
	switch x := doc.(type) {
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	case bool:
		return strconv.FormatBool(x), true
	}
	return "", false
}
