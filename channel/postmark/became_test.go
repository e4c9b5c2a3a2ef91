package postmark_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/postmark"
)

func TestBecame(t *testing.T) {
	found := func(key, status string) string {
		return fmt.Sprintf(`{"TotalCount":1,"Messages":[{"MessageID":"b7bc2f4a","Status":%q,"Metadata":{"waxwing":%q}}]}`, status, key)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		ago    time.Duration
		words  string
		err    string
	}{
		"sent":                    {body: found("key-1", "Sent"), words: "message Sent"},
		"in a status that is new": {body: found("key-1", "to ada@example.com"), words: "message found"},
		"of another mail":         {body: found("key-2", "Sent")},
		"none":                    {body: `{"TotalCount":0,"Messages":[]}`},
		"none yet":                {body: `{"TotalCount":0,"Messages":[]}`, ago: 10 * time.Second, err: "too early to tell"},
		"the token may not":       {status: 401, body: `{"ErrorCode":10}`, err: "postmark: messages: answered 401: the key may not ask"},
		"down":                    {status: 500, err: "postmark: messages: answered 500"},
		"no list":                 {body: `{"Message":"ada@x.example"}`, err: "postmark: messages: answered 200"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if r.Method != http.MethodGet || r.URL.Path != "/messages/outbound" || q.Get("metadata_waxwing") != "key-1" || q.Get("count") != "50" || q.Get("offset") != "0" ||
					r.Header.Get("X-Postmark-Server-Token") != "secret" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				if c.status != 0 {
					w.WriteHeader(c.status)
				}
				_, _ = w.Write([]byte(c.body))
			}))
			defer srv.Close()
			p, err := open(srv.URL, 0)
			if err != nil {
				t.Fatal(err)
			}
			if c.ago == 0 {
				c.ago = time.Minute
			}
			got, err := p.(*postmark.Provider).Became(t.Context(), &waxwing.Question{To: "ada@x.example", Reference: "ref-1", IdempotencyKey: "key-1",
				Began: channeltest.Now.Add(-c.ago), Ended: channeltest.Now.Add(-c.ago)})
			said := ""
			if err != nil {
				said = err.Error()
			}
			if said != c.err || (got == nil) != (c.words == "") || got != nil && (got.Ref != "b7bc2f4a" || got.Words != c.words) {
				t.Errorf("%+v, %q", got, said)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
