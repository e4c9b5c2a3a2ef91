package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/waxwinghq/waxwing"
)

// invented is a mail of n lines, and where in it the passages stand.
func invented(n int) (passages [][]byte, mail []byte, extents []waxwing.Extent) {
	passages = [][]byte{[]byte("<html><body style=3D\"margin:0\">\r\n"), []byte("<tr><td style=3D\"padding:8px 0;color:#333\">"),
		[]byte("</td><td align=3D\"right\" style=3D\"font-=\r\nweight:600\">"), []byte("</td></tr>\r\n"), []byte("</body></html>\r\n")}
	add := func(s int) {
		extents = append(extents, waxwing.Extent{At: len(mail), Passage: s})
		mail = append(mail, passages[s]...)
	}
	mail = fmt.Appendf(mail, "To: somebody-%d@example.com\r\n\r\n", n)
	add(0)
	for i := range n {
		add(1)
		mail = fmt.Appendf(mail, "Article %d", i*7919)
		add(2)
		mail = fmt.Appendf(mail, "%d.00", i*31)
		add(3)
	}
	add(4)
	return passages, mail, extents
}

// packer knows a dictionary of each form: 1 of S2's alone, as the first releases made them,
// 2 with passages.
func packer(t testing.TB) *Packer {
	t.Helper()
	passages, mail, _ := invented(3)
	body, err := MakeDictionary(passages, mail)
	if err != nil {
		t.Fatal(err)
	}
	p := &Packer{}
	if !p.Add(1, s2.MakeDict(mail, []byte("</table>")).Bytes()) || !p.Add(2, body) {
		t.Fatal("no dictionary")
	}
	p.Name("old", 1)
	p.Name("set", 2)
	return p
}

// TestEveryForm: what was packed in any way comes out as it was.
func TestEveryForm(t *testing.T) {
	p := packer(t)
	_, mail, extents := invented(5)
	shifted := []waxwing.Extent{{At: -1}, {At: len(mail)}, {At: len(mail) + 1, Passage: 1}, {At: 1}, {At: 30, Passage: -1}, {At: 30, Passage: 5}}
	for name, c := range map[string]struct {
		dict    string
		b       []byte
		extents []waxwing.Extent
		form    byte
		most    int
	}{
		"nothing":              {"set", nil, nil, packDict, 6},
		"short":                {"", []byte("x"), nil, packS2, 4},
		"no dictionary":        {"", mail, extents, packS2, 400},
		"unknown dictionary":   {"other", mail, extents, packS2, 400},
		"S2's dictionary":      {"old", mail, nil, packDict, 150},
		"that and passages":    {"old", mail, extents, packPassages, 150},
		"no extents":           {"set", mail, nil, packDict, 150},
		"passages":             {"set", mail, extents, packPassages, 135},
		"twice":                {"set", mail, append(slices.Clone(extents), extents...), packPassages, 135},
		"some of them":         {"set", mail, extents[3:7], packPassages, 150},
		"of another mail":      {"set", mail[7:], extents, packPassages, 150},
		"nowhere":              {"set", mail, shifted, packPassages, 150},
		"more than are taken":  {"set", many(mail, 1200), manyExtents(extents, len(mail), 1200), packPassages, 60000},
		"longer than a window": {"set", bytes.Repeat([]byte(strings.Repeat("ab", 37)+"\r\n"), 5000), nil, packDict, 30000},
	} {
		packed := p.PackMail([]byte("before"), nil, c.b, c.dict, c.extents)
		if packed = packed[len("before"):]; packed[0] != c.form || len(packed) > c.most {
			t.Errorf("%s: form %d in %d bytes, want %d in %d", name, packed[0], len(packed), c.form, c.most)
		}
		if got, err := p.Unpack(packed); err != nil || !bytes.Equal(got, c.b) {
			t.Errorf("%s: %v, %d bytes of %d", name, err, len(got), len(c.b))
		}
	}
	if got, err := p.Unpack(p.PackMail(nil, []byte("head\n"), mail, "set", extents)); err != nil || string(got) != "head\n"+string(mail) {
		t.Errorf("with a head: %v, %d bytes", err, len(got))
	}
	if got, err := p.Unpack(p.Pack(nil, mail, "set")); err != nil || !bytes.Equal(got, mail) {
		t.Errorf("alone: %v, %d bytes", err, len(got))
	}
	if got, err := p.Unpack([]byte("\x00plain")); err != nil || string(got) != "plain" {
		t.Error(got, err)
	}
}

func many(b []byte, n int) []byte { return bytes.Repeat(b, n) }

func manyExtents(extents []waxwing.Extent, size, n int) (out []waxwing.Extent) {
	for i := range n {
		for _, e := range extents {
			out = append(out, waxwing.Extent{At: e.At + i*size, Passage: e.Passage})
		}
	}
	return out
}

// TestAnotherDictionary: a name that means other passages by now costs room, and no byte.
func TestAnotherDictionary(t *testing.T) {
	p := packer(t)
	passages, mail, extents := invented(5)
	slices.Reverse(passages)
	body, err := MakeDictionary(passages, mail)
	if err != nil || !p.Add(3, body) {
		t.Fatal(err)
	}
	before := p.PackMail(nil, nil, mail, "set", extents)
	p.Name("set", 3)
	for _, packed := range [][]byte{before, p.PackMail(nil, nil, mail, "set", extents)} {
		if got, err := p.Unpack(packed); err != nil || !bytes.Equal(got, mail) {
			t.Error(err, len(got))
		}
	}
	if _, err := (&Packer{}).Unpack(before); !errors.Is(err, ErrDictionary) || !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// TestDamaged: what is no content of ours is told, whatever it promises.
func TestDamaged(t *testing.T) {
	p := packer(t)
	left := func(numbers ...int64) []byte { // a count, and numbers of passages and gaps
		b := binary.AppendUvarint(nil, uint64(numbers[0]))
		for i, n := range numbers[1:] {
			if int64(i) < numbers[0] {
				b = binary.AppendVarint(b, n)
			} else {
				b = binary.AppendUvarint(b, uint64(n))
			}
		}
		return append([]byte{packPassages, 0, 0, 0, 2}, s2.Encode(nil, b)...)
	}
	for name, b := range map[string][]byte{
		"nothing":                 nil,
		"no such form":            {9, 1, 2, 3},
		"no dictionary's number":  {packDict, 0, 0},
		"no passages' dictionary": {packPassages, 0, 0, 2},
		"S2 of nothing":           {packS2},
		"S2 of too much":          {packS2, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"broken S2":               {packS2, 5, 0xff},
		"broken S2 of passages":   {packPassages, 0, 0, 0, 2, 5, 0xff},
		"no count":                left(0)[:5],
		"many passages":           left(maxExtents + 1),
		"endless passages":        left(-1),
		"passages and no more":    left(3),
		"passage beyond the last": left(1, 5, 0),
		"passage before the 1st":  left(1, -1, 0),
		"far passage":             left(1, 1<<62, 0),
		"no gap":                  left(1, 0),
		"gap beyond the end":      left(1, 0, 1),
		"far gap":                 left(1, 0, 1<<62),
		"passages of old ones":    append([]byte{packPassages, 0, 0, 0, 1}, left(1, 0, 0)[5:]...),
	} {
		if got, err := p.Unpack(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v %d bytes", name, err, len(got))
		}
	}
	if got, err := p.Unpack(left(2, 0, -1, 0, 0)); err != nil || len(got) != 66 {
		t.Errorf("a passage twice: %q %v", got, err)
	}
}

// TestNoDictionary: a body that is none is refused.
func TestNoDictionary(t *testing.T) {
	if _, err := MakeDictionary(nil, []byte("short")); err == nil {
		t.Error("a dictionary of five bytes")
	}
	filler := strings.Repeat("x", 40)
	for _, body := range []string{"", "\x00", dictionaryMark, dictionaryMark + "\xff\xff\xff\xff\x7f" + filler, dictionaryMark + "\x01\x7f" + filler,
		dictionaryMark + "\x02\x14\x15" + filler, dictionaryMark + "\x29" + filler} {
		if (&Packer{}).Add(1, []byte(body)) {
			t.Errorf("%q is a dictionary", body)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	p := packer(f)
	_, mail, extents := invented(2)
	for _, b := range [][]byte{p.PackMail(nil, nil, mail, "set", extents), p.Pack(nil, mail, "set"), p.Pack(nil, mail, ""), []byte("\x00x")} {
		f.Add(b)
	}
	left := []byte{packPassages, 0, 0, 0, 2}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := p.Unpack(b); err != nil && !errors.Is(err, ErrDamaged) || len(got) > maxUnpacked {
			t.Error(len(got), err)
		}
		// The same behind S2, where the list of passages is.
		if got, err := p.Unpack(append(left, s2.Encode(nil, b)...)); err != nil && !errors.Is(err, ErrDamaged) || len(got) > maxUnpacked {
			t.Error(len(got), err)
		}
	})
}

func FuzzPack(f *testing.F) {
	p := packer(f)
	_, mail, _ := invented(2)
	f.Add(mail, []byte{30, 0, 2, 1})
	f.Fuzz(func(t *testing.T, b, list []byte) {
		var extents []waxwing.Extent
		for i := 0; i+1 < len(list); i += 2 {
			extents = append(extents, waxwing.Extent{At: int(int8(list[i])) + i*20, Passage: int(int8(list[i+1]))})
		}
		for _, dict := range []string{"set", "old", ""} {
			got, err := p.Unpack(p.PackMail(nil, list, b, dict, extents))
			if err != nil || !bytes.Equal(got, append(bytes.Clone(list), b...)) {
				t.Error(dict, err, len(got))
			}
		}
	})
}

// BenchmarkPack packs a mail with its passages and without.
func BenchmarkPack(b *testing.B) {
	p := packer(b)
	_, mail, extents := invented(100)
	for _, c := range []struct {
		name    string
		extents []waxwing.Extent
	}{{"passages", extents}, {"whole", nil}} {
		b.Run(c.name, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = p.PackMail(dst[:0], []byte("head\n"), mail, "set", c.extents)
			}
			b.ReportMetric(float64(len(dst)), "B-packed")
		})
	}
}
