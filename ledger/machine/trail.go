package machine

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Place writes into the rows in which batch of the trail their entries stand: a message's
// while it is held into its claim, so that one small row changes at each step, and into
// the message when it is freed. A row that has an entry and no other change is added to
// the changes. batch ends in a comma.
func (c *Changes) Place(s *Set, batch string) {
	for _, id := range c.Freed {
		if m := c.message(s, id); m != nil {
			m.Trail += s.Claims[id].Trail
		}
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		switch {
		case e.Message != 0:
			if k := c.claim(e.Message); k != nil {
				k.Trail = with(k.Trail, batch)
			} else if m := c.message(s, e.Message); m != nil {
				m.Trail = with(m.Trail, batch)
			}
		case e.Confirmation != 0:
			if r := c.confirmation(s, e.Confirmation); r != nil {
				r.Trail = with(r.Trail, batch)
			}
		}
	}
}

// with adds a batch to a list of them, once.
func with(list, batch string) string {
	if list == batch || strings.HasSuffix(list, ","+batch) {
		return list
	}
	return list + batch
}

func (c *Changes) claim(id waxwing.ID) *store.Claim {
	for i := range c.Claims {
		if c.Claims[i].Message == id {
			return &c.Claims[i]
		}
	}
	return nil
}

func (c *Changes) message(s *Set, id waxwing.ID) *store.Message {
	for i := range c.Messages {
		if c.Messages[i].ID == id {
			return &c.Messages[i]
		}
	}
	m, ok := s.Messages[id]
	if !ok {
		return nil
	}
	c.Messages = append(c.Messages, m)
	return &c.Messages[len(c.Messages)-1]
}

func (c *Changes) confirmation(s *Set, id waxwing.ID) *store.Confirmation {
	for i := range c.Confirmations {
		if c.Confirmations[i].ID == id {
			return &c.Confirmations[i]
		}
	}
	r, ok := s.Confirmations[id]
	if !ok {
		return nil
	}
	c.Confirmations = append(c.Confirmations, r)
	return &c.Confirmations[len(c.Confirmations)-1]
}
