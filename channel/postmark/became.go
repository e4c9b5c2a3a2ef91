package postmark

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

// Provider is a server at Postmark.
type Provider struct {
	*httpsend.Sender
	messages string
	token    waxwing.Secret
	clock    waxwing.Clock
}

// settles is how long after a post its search finds a message, usually. Postmark promises no time.
const settles = time.Minute

// Became looks for a message of this metadata among those sent.
func (p *Provider) Became(ctx context.Context, q *waxwing.Question) (*waxwing.Evidence, error) {
	var got struct {
		TotalCount *int
		Messages   []struct {
			MessageID, Status string
			Metadata          map[string]string
		}
	}
	at := p.messages + "?" + url.Values{"count": {"50"}, "offset": {"0"}, "metadata_waxwing": {q.IdempotencyKey}}.Encode()
	ans, err := p.Ask(ctx, &httpsend.Request{Method: http.MethodGet, URL: at, Header: http.Header{"X-Postmark-Server-Token": {p.token.Reveal()}}})
	if err != nil {
		return nil, fmt.Errorf("postmark: messages: %w", err)
	}
	if ans.Status == http.StatusUnauthorized || ans.Status == http.StatusForbidden {
		return nil, fmt.Errorf("postmark: messages: %w: %w", ans.Error(""), waxwing.ErrMayNotAsk)
	}
	if ans.Status != http.StatusOK || !ans.JSON(&got) || got.TotalCount == nil {
		return nil, fmt.Errorf("postmark: messages: %w", ans.Error(""))
	}
	for _, m := range got.Messages {
		// One that is not filtered as asked must not be taken for an answer.
		if q.IdempotencyKey != "" && m.Metadata["waxwing"] == q.IdempotencyKey {
			return &waxwing.Evidence{Ref: m.MessageID, Words: "message " + known(m.Status)}, nil
		}
	}
	if p.clock().Sub(q.Ended) < settles {
		return nil, waxwing.ErrEarly
	}
	return nil, nil
}

// known is a status of Postmark's own list.
func known(status string) string {
	switch status {
	case "Queued", "Sent", "Processed":
		return status
	}
	return "found"
}
