package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/klauspost/compress/s2"
)

// TestPackEvent: orders of each platform come back, and take less than without the words.
func TestPackEvent(t *testing.T) {
	var p Packer
	for _, name := range []string{"shopify/testdata/presentment.json", "woocommerce/testdata/gross-with-coupon.json", "generic/testdata/full.json"} {
		indented, err := os.ReadFile("../../shop/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer // as platforms send it
		if err := json.Compact(&compact, indented); err != nil {
			t.Fatal(err)
		}
		raw := compact.Bytes()
		packed := p.PackEvent([]byte("x"), raw)[1:]
		if got, err := p.Unpack(packed); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s does not come back: %v", name, err)
		}
		if plain := len(s2.Encode(nil, raw)); len(packed) > plain*9/10 {
			t.Errorf("%s: %d bytes, and %d without the words", name, len(packed), plain)
		}
		if _, err := p.Unpack(packed[:len(packed)/2]); !errors.Is(err, ErrDamaged) {
			t.Errorf("half of %s: %v", name, err)
		}
	}
	if got, err := p.Unpack(p.PackEvent(nil, nil)); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
}

// TestWordsStay: what ledgers hold is read with these very bytes.
func TestWordsStay(t *testing.T) {
	for _, x := range []struct {
		words []byte
		sum   string
	}{
		{[]byte(lineWords), "bbb8d9a267dc9d51c4038339210efb81b32899282c4107223f5cd6a7e22411c8"},
		{orderWords, "8ac8777c57c5e60a9fdf9e502e84d64905cd1530480ef6f53594141b272fea23"},
	} {
		if sum := sha256.Sum256(x.words); hex.EncodeToString(sum[:]) != x.sum {
			t.Errorf("%.40q...: %x", x.words, sum)
		}
	}
}

// BenchmarkPackEvent packs orders that differ: with one alone the processor knows each branch
// beforehand, and is a third faster than it is with a shop's.
func BenchmarkPackEvent(b *testing.B) {
	indented, err := os.ReadFile("../../shop/shopify/testdata/presentment.json")
	if err != nil {
		b.Fatal(err)
	}
	var order map[string]json.RawMessage
	var lines, of []json.RawMessage
	if json.Unmarshal(indented, &order) != nil || json.Unmarshal(order["line_items"], &lines) != nil {
		b.Fatal("no order")
	}
	r := rand.New(rand.NewPCG(1, 2))
	orders, in, out := make([][]byte, 100), 0, 0
	for i := range orders {
		of = of[:0]
		for range 1 + r.IntN(5) {
			of = append(of, lines[r.IntN(len(lines))])
		}
		order["line_items"], _ = json.Marshal(of) // what was read is written
		orders[i], _ = json.Marshal(order)
		for j, c := range orders[i] {
			if c >= '1' && c <= '9' {
				orders[i][j] = byte('1' + r.IntN(9))
			}
		}
	}
	var p Packer
	var dst []byte
	n := 0
	b.ReportAllocs()
	for ; b.Loop(); n++ {
		raw := orders[n%len(orders)]
		dst = p.PackEvent(dst[:0], raw)
		in, out = in+len(raw), out+len(dst)
	}
	b.ReportMetric(float64(in)/float64(n), "B-event")
	b.ReportMetric(float64(out)/float64(n), "B-packed")
}
