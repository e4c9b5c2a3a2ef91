package mime_test

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mime"
)

// page is a row of pieces, every other one of which is a passage.
func page(pieces []string) (html string, texts []string, marks []waxwing.Extent) {
	for i, s := range pieces {
		if i%2 == 0 {
			n := slices.Index(texts, s)
			if n < 0 {
				n, texts = len(texts), append(texts, s)
			}
			marks = append(marks, waxwing.Extent{At: len(html), Passage: n})
		}
		html += s
	}
	return html, texts, marks
}

// bodies builds a mail of some pieces with and without their passages, and holds both to
// their rules: they read alike, and the passages' bytes stand where it says.
func bodies(t *testing.T, pieces []string) []waxwing.Extent {
	t.Helper()
	html, texts, marks := page(pieces)
	m := sample()
	m.Text, m.HTML = nil, []byte(html)
	if len(html) == 0 {
		return nil
	}
	read := func(raw []byte) string {
		checkLines(t, raw)
		head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		if !bytes.Contains(head, []byte("quoted-printable")) {
			return "base64"
		}
		for _, l := range strings.Split(string(body), "\r\n") {
			if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "From ") || strings.HasSuffix(l, " ") || strings.HasSuffix(l, "\t") {
				t.Errorf("a relay may change the line %q of %q", l, pieces)
			}
		}
		got, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	want := read(mime.Build(nil, m))
	m.Passages, m.Marks = mime.NewPassages(texts), marks
	raw, extents := mime.BuildExtents(nil, m, nil)
	if got := read(raw); got != want {
		t.Errorf("%q is read as %q", pieces, got)
	}
	again, _ := mime.BuildExtents([]byte("before"), m, nil)
	if string(again[len("before"):]) != string(raw) {
		t.Errorf("%q became other bytes behind others", pieces)
	}
	encoded, end := m.Passages.Encoded(), 0
	for _, e := range extents {
		if e.At < end || !bytes.HasPrefix(raw[e.At:], encoded[e.Passage]) {
			t.Fatalf("%q: passage %d is not at %d", pieces, e.Passage, e.At)
		}
		end = e.At + len(encoded[e.Passage])
	}
	return extents
}

// TestPassages: whatever stands before and behind a passage, it is read as it was written.
func TestPassages(t *testing.T) {
	long := strings.Repeat("<td style=\"padding:8px\">", 9)
	for _, c := range []struct {
		pieces []string
		kept   int
	}{
		{[]string{long, "12,00", long, "", long}, 3},
		{[]string{"short", " ", "\nline", " ", " blank ", "\n", "x"}, 4},
		{[]string{".dot", "", ".dot", "\n", ".dot"}, 3},
		{[]string{"From ", "x\n", "F", "rom you", "\nFr", "om", ""}, 3},
		{[]string{"x\r", "", "\ny", "", "\nz\r", "\n\n"}, 2},
		{[]string{"\n" + long, "\t", "\n" + long, strings.Repeat("x", 75), "\n" + long}, 3},
		{[]string{strings.Repeat("x", 74) + " ", "yy", strings.Repeat("x", 75) + " ", "y", strings.Repeat("=", 30)}, 3},
		{[]string{"Größe " + long, "Ä", long + "ü"}, 2},
		{[]string{"ご注文", "ありがとうございます", "。"}, 0}, // base64
	} {
		if got := bodies(t, c.pieces); len(got) != c.kept {
			t.Errorf("%q: %d passages are kept, want %d", c.pieces, len(got), c.kept)
		}
	}
}

// TestMarksAreNotTrusted: a mark of what does not stand there changes no mail.
func TestMarksAreNotTrusted(t *testing.T) {
	m := sample()
	m.HTML = []byte("<p>one</p><p>two</p>")
	want := mime.Build(nil, m)
	m.Passages = mime.NewPassages([]string{"<p>one</p>", "", "two</p>x"})
	m.Marks = []waxwing.Extent{{At: -1}, {At: 1}, {At: 5, Passage: 1}, {At: 13, Passage: 2}, {At: 19}, {At: 20}, {At: 99}, {Passage: -1}, {Passage: 3}}
	if got, extents := mime.BuildExtents(nil, m, nil); len(extents) > 0 || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s", extents, got)
	}
	m.Marks = []waxwing.Extent{{}, {}, {At: 3}}
	if got, extents := mime.BuildExtents(nil, m, nil); len(extents) != 1 || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s", extents, got)
	}
}

func FuzzPassages(f *testing.F) {
	f.Add("<p>|12 |</p>\r|\n|. |F|rom ", "|")
	f.Add(strings.Repeat("x", 70)+"|yyyyyy|"+strings.Repeat("=", 30)+" |\n", "|")
	f.Add("Größe\n.From \t\r\n", "")
	f.Fuzz(func(t *testing.T, s, cut string) {
		if len(s) <= 4000 { // page takes its time over many pieces
			bodies(t, strings.Split(s, cut))
		}
	})
}

func BenchmarkBuildPassages(b *testing.B) {
	pieces := []string{}
	for range 110 {
		pieces = append(pieces, "</td>\n<td style=\"padding:8px 0;color:#333333;font-family:Helvetica,Arial\">\n<span class=\"value\" style=\"line-height:24px\">",
			"Linen shirt, white, 12 Canal Street, Austin TX")
	}
	html, texts, marks := page(pieces)
	m := sample()
	m.HTML, m.Passages, m.Marks = []byte(html), mime.NewPassages(texts), marks
	m.Text = bytes.Repeat([]byte("2 x Tasse, Größe M                    EUR 12,00\n"), 40)
	var dst []byte
	var extents []waxwing.Extent
	b.SetBytes(int64(len(m.HTML) + len(m.Text)))
	b.ReportAllocs()
	for b.Loop() {
		dst, extents = mime.BuildExtents(dst[:0], m, extents[:0])
	}
}
