package compose

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Compose renders an order as a channel's message. ErrNotFound: it has no address there, or
// nothing is made for such a channel.
func (x *Composer) Compose(ch waxwing.Channel, w *waxwing.Work, o *waxwing.Order, at time.Time) (waxwing.Draft, error) {
	switch ch {
	case waxwing.Email:
		return x.Email(w, o, at)
	case waxwing.SMS:
		return x.SMS(w, o, at)
	case waxwing.Push:
		return x.Push(w, o, at)
	}
	return waxwing.Draft{}, fmt.Errorf("nothing is composed for the channel %s: %w", ch, waxwing.ErrNotFound)
}
