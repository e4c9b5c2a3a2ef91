package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// secrets are sealed bytes that must not be found in any file, in pieces of 16.
type secrets map[uint64][][]byte

func (s secrets) add(b []byte) {
	for ; len(b) >= 16; b = b[16:] {
		k := binary.LittleEndian.Uint64(b)
		s[k] = append(s[k], b[:16])
	}
}

// of adds what the file has of a confirmation: the wrapped key and each sealed body.
func (s secrets) of(t *testing.T, c *db.Conn, id waxwing.ID) {
	t.Helper()
	lo, hi := int64(id), int64(id)+store.IDStep
	for _, q := range []string{
		"SELECT dek FROM confirmations WHERE id>=? AND id<? AND dek IS NOT NULL", "SELECT body FROM events WHERE id>=? AND id<?",
		"SELECT body FROM contents WHERE id>=? AND id<?", "SELECT sealed FROM attempts WHERE message>=? AND message<? AND sealed IS NOT NULL",
		"SELECT answer FROM messages WHERE id>=? AND id<? AND answer IS NOT NULL",
		"SELECT body FROM plugin_runs WHERE confirmation>=? AND confirmation<?", "SELECT named FROM confirmations WHERE id>=? AND id<? AND named IS NOT NULL",
	} {
		err := c.Query(q, func(v []driver.Value) error { s.add(bytes.Clone(db.Blob(v[0]))); return nil }, lo, hi)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// in counts the pieces that the files of a folder have.
func (s secrets) in(t *testing.T, dir string) map[string]int {
	t.Helper()
	found := map[string]int{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+16 <= len(b); i++ {
			for _, p := range s[binary.LittleEndian.Uint64(b[i:])] {
				if bytes.Equal(p, b[i:i+16]) {
					found[e.Name()]++
				}
			}
		}
	}
	return found
}

// crowd is a ledger with orders in many states and of many sizes.
type crowd struct {
	t   *testing.T
	l   *Ledger
	dir string
	rng *rand.Rand
	n   int                   // orders so far
	of  map[waxwing.ID]string // whose it is
}

func newCrowd(t *testing.T, n int) *crowd {
	x := &crowd{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(8, 1)), of: map[waxwing.ID]string{}}
	x.open()
	x.grow(n)
	return x
}

func (x *crowd) open() {
	x.t.Helper()
	l, err := Open(context.Background(), Options{Options: ledger.Options{Dir: x.dir, Tenants: []waxwing.TenantID{"acme"}, Policy: "resend", After: time.Minute}})
	if err != nil {
		x.t.Fatal(err)
	}
	x.l = l
	x.t.Cleanup(func() { _ = l.Close() })
}

// noise is what does not compress: sizes show as they are.
func (x *crowd) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + 1 + x.rng.IntN(90))
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte{'"'}, []byte{'x'}), []byte{'\\'}, []byte{'x'})
}

func (x *crowd) grow(n int) {
	x.t.Helper()
	var wg sync.WaitGroup
	room := make(chan struct{}, 48)
	for range n {
		i := x.n
		x.n++
		who := fmt.Sprintf("p%d@mail.example", i/2)
		size := []int{50, 700, 1500, 3500, 9000, 30000}[x.rng.IntN(6)]
		o := &grown{ev: &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "x", Topic: "order", At: time.Now(),
			Raw: fmt.Appendf(nil, `{"email":%q,"x":%q}`, who, x.noise(size)), Key: waxwing.EventKey{OrderID: fmt.Sprint(i), UpdatedAt: time.Unix(int64(1e9+i), 0)}},
			who: who, twice: i%5 == 0, held: i%7 == 3, left: i%11 == 4, asked: x.noise(size / 3), mail: x.noise(200 + x.rng.IntN(6000)), reply: x.noise(x.rng.IntN(300))}
		rc, err := x.l.Accept(context.Background(), o.ev)
		if err != nil {
			x.t.Fatal(err)
		}
		x.of[rc.ID] = who
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if err := o.run(x.l, rc.ID); err != nil {
				x.t.Error(err)
			}
		})
	}
	wg.Wait()
}

// grown is an order of a crowd.
type grown struct {
	ev                 *waxwing.Event
	who                string
	twice, held, left  bool
	asked, mail, reply []byte
}

func (o *grown) run(l *Ledger, id waxwing.ID) error {
	if o.twice {
		o.ev.Key.UpdatedAt = o.ev.Key.UpdatedAt.Add(time.Hour)
		if _, err := l.Accept(context.Background(), o.ev); err != nil {
			return err
		}
	}
	w, err := l.Work(context.Background(), id)
	if err != nil || o.left {
		return err
	}
	own := *w
	own.Runs = []waxwing.Run{{Plugin: "p", Hook: "enrich", Role: "live", At: time.Now(), Input: o.asked, Output: []byte("{}")}}
	if o.held {
		return l.Hold(context.Background(), &own, "payment pending", time.Now().Add(time.Hour), waxwing.Lookup{People: []string{o.who}})
	}
	ids, err := l.Ready(context.Background(), &own, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: o.who,
		Data: o.mail, Locale: "en"}}, waxwing.Lookup{People: []string{o.who}}, time.Hour)
	if err != nil {
		return err
	}
	c, err := l.Claim(context.Background(), ids[0])
	if err == nil {
		err = l.CommitDot(context.Background(), c, "mail")
	}
	if err == nil {
		err = l.Resolve(context.Background(), c, &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
			Phase: waxwing.PhaseDot, Code: 250, Reply: waxwing.PII("250 ok " + string(o.reply))}})
	}
	return err
}

// ids gives those of a person.
func (x *crowd) ids(who string) (ids []waxwing.ID) {
	for id, w := range x.of {
		if w == who {
			ids = append(ids, id)
		}
	}
	return ids
}

// victims reads what the file has of some people.
func (x *crowd) victims(n int) (who []string, s secrets) {
	x.t.Helper()
	s = secrets{}
	seen := map[string]bool{}
	err := x.l.db.read(context.Background(), func(c *db.Conn) error {
		for id := range x.of {
			if seen[x.of[id]] || len(who) == n {
				continue
			}
			seen[x.of[id]] = true
			who = append(who, x.of[id])
			for _, id := range x.ids(x.of[id]) {
				s.of(x.t, c, id)
			}
		}
		return nil
	})
	if err != nil || len(s) == 0 {
		x.t.Fatal(len(s), err)
	}
	if len(s.in(x.t, x.dir)) == 0 {
		x.t.Fatal("the search finds nothing that is there")
	}
	return who, s
}

// erase erases people, eight at a time.
func (x *crowd) erase(who []string) {
	x.t.Helper()
	var wg sync.WaitGroup
	room := make(chan struct{}, 8)
	for _, w := range who {
		want := len(x.ids(w))
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			e, err := x.l.Erase(context.Background(), "acme", waxwing.Erase{Address: w})
			if err != nil || e.Erased != want {
				x.t.Errorf("%s: %+v %v, want %d", w, e, err, want)
			}
		})
	}
	wg.Wait()
	for _, w := range who {
		for _, id := range x.ids(w) {
			delete(x.of, id)
		}
	}
}

func (x *crowd) done() {
	x.t.Helper()
	for limit := time.Now().Add(30 * time.Second); !x.l.Scrub().Done; {
		if time.Now().After(limit) {
			x.t.Fatalf("not scrubbed: %+v", x.l.Scrub())
		}
		x.l.scrubs.await(x.t.Context(), 1<<62, 10*time.Millisecond)
	}
}

func (x *crowd) nowhere(s secrets) {
	x.t.Helper()
	x.done()
	if found := s.in(x.t, x.dir); len(found) > 0 {
		x.t.Errorf("still there: %v", found)
	}
	r, err := x.l.Verify(context.Background(), "")
	if err != nil || !r.Whole() {
		x.t.Errorf("%v %v", r.Problems, err)
	}
	err = x.l.db.read(context.Background(), func(c *db.Conn) error {
		return c.Query("PRAGMA integrity_check", func(v []driver.Value) error {
			if db.Text(v[0]) != "ok" {
				x.t.Error(db.Text(v[0]))
			}
			return nil
		})
	})
	if err != nil {
		x.t.Error(err)
	}
}

// TestErasedIsInNoFile: when an erasure says that it is done, no file has the wrapped
// keys or a piece of the sealed bodies, whatever moved the rows before.
func TestErasedIsInNoFile(t *testing.T) {
	x := newCrowd(t, 400)
	for range 3 {
		who, s := x.victims(25)
		x.erase(who)
		x.nowhere(s)
		x.grow(150)
	}
	// Retention moves pages as well, and ends in the same way.
	s := secrets{}
	err := x.l.db.read(t.Context(), func(c *db.Conn) error {
		for _, q := range []string{"SELECT body FROM events", "SELECT body FROM contents"} {
			if err := c.Query(q, func(v []driver.Value) error { s.add(bytes.Clone(db.Blob(v[0]))); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = x.l.Expire(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	x.nowhere(s)
}

// TestOldFileIsScrubbed: a file that was written without secure_delete has copies in
// free pages and behind long values; they go by themselves after the start.
func TestOldFileIsScrubbed(t *testing.T) {
	x := newCrowd(t, 10)
	if err := x.l.do(t.Context(), func(ctx context.Context, tx *dbTx) error {
		tx.after = append(tx.after, func() {
			if _, err := tx.c.Exec("PRAGMA secure_delete=0"); err != nil {
				t.Error(err)
			}
		})
		_, err := tx.exec("DELETE FROM meta WHERE k=?", metaClean)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	x.grow(900)
	who, s := x.victims(100)
	for _, w := range who { // as the older program did
		err := x.l.Do(t.Context(), func(ctx context.Context, g *ledger.Group) error {
			for _, id := range x.ids(w) {
				s, err := g.Load(ctx, &store.Keys{Whole: []waxwing.ID{id}})
				if err != nil {
					return err
				}
				c, _ := s.Erase(id, waxwing.Act{})
				if err := g.Apply(ctx, &c); err != nil {
					return err
				}
				x.l.hot.Drop(id)
				delete(x.of, id)
			}
			tx := g.Tx.(*dbTx)
			tx.traces = false // it told nobody
			_, err := tx.exec("DELETE FROM meta WHERE k=?", metaScrub)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	x.grow(50)
	if err := x.l.Close(); err != nil {
		t.Fatal(err)
	}
	if found := s.in(t, x.dir); len(found) == 0 {
		t.Fatal("nothing was left behind: this tests nothing")
	}
	x.open()
	x.nowhere(s)
}

// TestErasureWithReader: a reader that stays keeps an erasure from its end and nothing
// else; it is said, and done when the reader ends, also after a restart.
func TestErasureWithReader(t *testing.T) {
	x := newCrowd(t, 100)
	reader, err := db.Open(dsn(x.l.path, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"BEGIN", "SELECT count(*) FROM trail"} {
		if _, err := reader.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	var v [1]driver.Value
	if _, err := reader.Row("SELECT count(*) FROM trail", v[:]); err != nil {
		t.Fatal(err)
	}
	who, s := x.victims(10)
	began := time.Now()
	x.erase(who)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("10 erasures took %s", took)
	}
	if v := x.l.Scrub(); v.Done || !v.Blocked || v.Remaining == "" {
		t.Errorf("%+v", v)
	}
	x.grow(10)
	if err := x.l.Close(); err != nil {
		t.Fatal(err)
	}
	x.open()
	if v := x.l.Scrub(); v.Done {
		t.Errorf("forgotten at a restart: %+v", v)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	x.nowhere(s)
}
