package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Contents seals and opens what the ledger keeps of people: packed first, then sealed under
// the data key of its confirmation, and tied to its place. It is safe for concurrent use.
type Contents struct{ pack.Packer }

// ErrPacked says that packed content cannot be read.
var ErrPacked = pack.ErrDamaged

// scratch holds a plain text and its packed form on their way to a seal, which need not be
// garbage after each.
type scratch struct{ plain, packed []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// What ties a sealed content to its place, with the key or id that follows.
const (
	aadEvent   = "event|"
	aadDataKey = "dek|"
	aadMessage = "message|"
	aadAttempt = "attempt|"
)

// sealRoom is what a seal adds: nonce and tag.
const sealRoom = 12 + 16

// WrapDEK seals a confirmation's data key under its tenant's.
func WrapDEK(t *Tenant, dek *Key, key Hash) []byte { return t.Key.Wrap(dek, aadDataKey+string(key[:])) }

// UnwrapDEK opens what WrapDEK sealed.
func UnwrapDEK(t *Tenant, wrapped []byte, key Hash) (Key, error) {
	return t.Key.Unwrap(wrapped, aadDataKey+string(key[:]))
}

// SealEvent packs and seals an event's bytes for the confirmation of a key.
func (c *Contents) SealEvent(dek *Key, key Hash, raw []byte) []byte {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.packed = c.PackEvent(sc.packed[:0], raw)
	return dek.Sealer().Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, aadEvent+string(key[:]))
}

// OpenEvent opens what SealEvent sealed. ErrSeal or ErrPacked: it never can be.
func (c *Contents) OpenEvent(dek *Key, key Hash, body []byte) ([]byte, error) {
	packed, err := dek.Sealer().Open(nil, body, aadEvent+string(key[:]))
	if err != nil {
		return nil, err
	}
	return c.Unpack(packed)
}

// Envelope stands in front of a message's bytes.
type Envelope struct {
	From      string `json:"from"`
	To        string `json:"to"`
	MessageID string `json:"mid,omitempty"`
	UTF8      bool   `json:"utf8,omitempty"`
	EightBit  bool   `json:"8bit,omitempty"`
	Pipeline  string `json:"pipe,omitempty"`
}

func envelopeOf(d *waxwing.Draft) Envelope {
	return Envelope{d.From, d.To, d.MessageID, d.SMTPUTF8, d.EightBit, d.Pipeline}
}

// SealDraft makes a draft ready to be recorded, under the number that it will have.
func (c *Contents) SealDraft(t *Tenant, dek *Key, id waxwing.ID, d *waxwing.Draft) (machine.Draft, error) {
	s := machine.Draft{Channel: d.Channel, State: d.State, Reason: d.Reason, Locale: d.Locale, Resend: d.Resend, Act: d.Act, Notes: d.Notes}
	if !d.NotBefore.IsZero() {
		s.NotBefore = d.NotBefore.UnixMilli()
	}
	head, err := json.Marshal(envelopeOf(d))
	if err != nil {
		return s, err
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.packed = c.PackMail(sc.packed[:0], append(head, '\n'), d.Data, d.Dictionary, d.Extents)
	s.Body = dek.Sealer().Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, aadMessage+id.String())
	s.Digest = Digest(s.Body)
	if d.To != "" {
		s.People = []Hash{t.Key.Index("person", NormalisePerson(d.To))}
	}
	return s, nil
}

// Digest is what a message's row keeps of its sealed content.
func Digest(sealed []byte) []byte {
	sum := sha256.Sum256(sealed)
	return sum[:16]
}

// OpenMessage opens what SealDraft sealed.
func (c *Contents) OpenMessage(t *Tenant, dek *Key, m *store.Message, body []byte) (*waxwing.Outgoing, *Envelope, error) {
	packed, err := dek.Sealer().Open(nil, body, aadMessage+m.ID.String())
	if err != nil {
		return nil, nil, err
	}
	plain, err := c.Unpack(packed)
	if err != nil {
		return nil, nil, err
	}
	head, data, ok := bytes.Cut(plain, []byte{'\n'})
	var e Envelope
	if !ok || json.Unmarshal(head, &e) != nil {
		return nil, nil, ErrPacked
	}
	return outgoing(m.ID, t, m.Channel, &e, data), &e, nil
}

// OutgoingOf is a message as a draft becomes it.
func OutgoingOf(id waxwing.ID, t *Tenant, d *waxwing.Draft) *waxwing.Outgoing {
	e := envelopeOf(d)
	return outgoing(id, t, d.Channel, &e, d.Data)
}

func outgoing(id waxwing.ID, t *Tenant, ch waxwing.Channel, e *Envelope, data []byte) *waxwing.Outgoing {
	return &waxwing.Outgoing{Message: id, Tenant: t.Name, Channel: ch, From: e.From, To: e.To, Data: data,
		IdempotencyKey: t.Key.Token(id), SMTPUTF8: e.UTF8, EightBit: e.EightBit, Pipeline: e.Pipeline}
}

// Reply is what a provider answered, and its id for the message.
type Reply struct {
	Reply string `json:"reply,omitempty"`
	Ref   string `json:"ref,omitempty"`
}

// SealReply seals what a provider answered; nil: nothing.
func SealReply(dek *Key, id waxwing.ID, a *waxwing.Attempt) []byte {
	if a.Reply == "" && a.Ref == "" {
		return nil
	}
	b, _ := json.Marshal(Reply{a.Reply.Reveal(), a.Ref}) // strings always marshal
	return dek.Sealer().Seal(nil, b, aadAttempt+id.String())
}

// OpenReply opens what SealReply sealed; empty: it cannot be read.
func OpenReply(dek *Key, id waxwing.ID, sealed []byte) (j Reply) {
	if plain, err := dek.Sealer().Open(nil, sealed, aadAttempt+id.String()); err == nil && json.Unmarshal(plain, &j) != nil {
		return Reply{}
	}
	return j
}

// runHead stands in front of a run's input, output and log.
type runHead struct {
	Fault  string    `json:"fault,omitempty"`
	Seed   string    `json:"seed"`
	At     time.Time `json:"at"`
	Input  int       `json:"in"`
	Output int       `json:"out"`
	Costs  int       `json:"costs,omitempty"`
	Left   string    `json:"left,omitempty"`
}

// runAAD ties a body to what its row says, so that no run can pass as another
// plugin's or order's.
func runAAD(r *waxwing.Run, confirmation waxwing.ID) string {
	return "run|" + confirmation.String() + "|" + r.Plugin + "|" + string(r.Hook) + "|" + r.Role + "|" + r.Hash
}

// Kept is what is kept of a run beside its row; Left says what is not.
type Kept struct {
	Input, Output, Log []byte
	Left               string
}

// SealRun packs and seals a run of a confirmation.
func (c *Contents) SealRun(dek *Key, confirmation waxwing.ID, r *waxwing.Run, k *Kept) ([]byte, error) {
	head, err := json.Marshal(runHead{r.Fault, r.Seed, r.At, len(k.Input), len(k.Output), r.Costs, k.Left})
	if err != nil {
		return nil, err
	}
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.plain = append(append(sc.plain[:0], head...), '\n')
	sc.plain = append(append(append(sc.plain, k.Input...), k.Output...), k.Log...)
	sc.packed = c.Pack(sc.packed[:0], sc.plain, "")
	return dek.Sealer().Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, runAAD(r, confirmation)), nil
}

// OpenRun puts the sealed part back into a run.
func (c *Contents) OpenRun(r *waxwing.Run, dek *Key, sealed []byte) error {
	packed, err := dek.Sealer().Open(nil, sealed, runAAD(r, r.Confirmation))
	if err != nil {
		return err
	}
	plain, err := c.Unpack(packed)
	if err != nil {
		return err
	}
	head, rest, _ := bytes.Cut(plain, []byte{'\n'})
	var h runHead
	if err := json.Unmarshal(head, &h); err != nil || h.Input < 0 || h.Output < 0 || h.Input > len(rest) || h.Output > len(rest)-h.Input {
		return ErrPacked
	}
	r.Fault, r.Seed, r.At, r.Left, r.Costs = h.Fault, h.Seed, h.At, h.Left, h.Costs
	r.Input, rest = rest[:h.Input:h.Input], rest[h.Input:]
	r.Output, r.Log = rest[:h.Output:h.Output], rest[h.Output:]
	return nil
}
