package httpsend

import (
	"encoding/json"
	"errors"

	"github.com/waxwinghq/waxwing"
)

// Note is what a push message shows: an Outgoing of the channel push has one in its Data, as JSON.
type Note struct {
	Title string `json:"title"`
	Body  string `json:"body,omitempty"`
	URL   string `json:"url,omitempty"` // where a tap leads
}

// MaxNote is the largest Data of a push message, in bytes: what every push service takes beside
// what encryption adds (RFC 8030, 7.2: 4,096 in all).
const MaxNote = 3800

// ReadNote reads a push message, or refuses it.
func ReadNote(out *waxwing.Outgoing) (n Note, err error) {
	if len(out.Data) > MaxNote || json.Unmarshal(out.Data, &n) != nil || n.Title == "" {
		return n, Refuse(waxwing.PolicyFault, errors.New("the push message has no title, or more than 3,800 bytes"))
	}
	return n, nil
}
