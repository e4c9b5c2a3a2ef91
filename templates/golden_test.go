package templates

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata/golden.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Errorf("%s:%d:\n got %s\nwant %s", name, i+1, b[i], a[i])
				return
			}
		}
		t.Errorf("%s: %d lines, want %d", name, len(b), len(a))
	}
}

// A rich order in every locale: subject, preheader, text and SMS whole, the
// HTML of three scripts. go test ./templates -update writes them.
func TestGolden(t *testing.T) {
	s := builtin(t)
	for _, tag := range locales.Tags() {
		in := &Input{Order: richOrder(tag), Brand: acme(t), Locale: locale(t, tag)}
		var m Mail
		if err := s.Render(in, &m); err != nil {
			t.Fatal(err)
		}
		sms := s.SMS(in)
		encoding, n := Segments(sms)
		if n > maxSegments {
			t.Errorf("%s: %d segments", tag, n)
		}
		head := "Subject: " + m.Subject + "\nPreheader: " + m.Preheader + "\nSMS (" + string(encoding) + "): " + sms + "\n\n"
		golden(t, "rich-"+tag+".txt", append([]byte(head), m.Text...))
		if tag == "en" || tag == "ja" || tag == "ar" {
			golden(t, "rich-"+tag+".html", m.HTML)
		}
	}
}

// The same buffers give the same mail for the next order.
func TestBuffersAreReused(t *testing.T) {
	s := builtin(t)
	var reused Mail
	for _, tag := range []string{"ar", "en", "ja", "en", "de"} {
		in := &Input{Order: richOrder(tag), Brand: acme(t), Locale: locale(t, tag)}
		var fresh Mail
		if err := s.Render(in, &fresh); err != nil {
			t.Fatal(err)
		}
		if err := s.Render(in, &reused); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fresh.HTML, reused.HTML) || !bytes.Equal(fresh.Text, reused.Text) || fresh.Subject != reused.Subject {
			t.Errorf("%s: what an earlier mail held shows", tag)
		}
		if err := s.Render(&Input{Order: &waxwing.Order{}, Locale: in.Locale}, &reused); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(reused.HTML, []byte("Acme")) || bytes.Contains(reused.Text, []byte("1042")) {
			t.Errorf("%s: an empty order shows the one before", tag)
		}
	}
}

// Name and number stand in the body in every locale, the number in the subject
// too, and the name that she is called by, unless a name alone is curt there.
func TestNameAndNumber(t *testing.T) {
	for _, tag := range locales.Tags() {
		o := richOrder(tag)
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, tag)}, &m); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{o.Customer.FirstName, o.Customer.LastName, o.Number} {
			if !bytes.Contains(m.HTML, []byte(want)) || !bytes.Contains(m.Text, []byte(want)) {
				t.Errorf("%s: %q is missing", tag, want)
			}
		}
		curt := strings.HasPrefix(tag, "de") || strings.HasPrefix(tag, "fr")
		if strings.Contains(m.Subject, o.Customer.FirstName) == curt || !strings.Contains(m.Subject, o.Number) {
			t.Errorf("%s: subject %q", tag, m.Subject)
		}
		if n := len([]rune(m.Subject)); n > maxSubject {
			t.Errorf("%s: subject of %d runes", tag, n)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		tag  string
		a    waxwing.Address
		want string
	}{
		{"en", waxwing.Address{Name: "A", Company: "Co", Lines: []string{"1 Main St", ""}, City: "Portland", Region: "OR", PostalCode: "97205", Country: "US"}, "A|Co|1 Main St|Portland, OR 97205|United States"},
		{"en", waxwing.Address{City: "Portland", PostalCode: "97205", Country: "US"}, "Portland 97205|United States"},
		{"de", waxwing.Address{Name: "A", Lines: []string{"Weg 1"}, City: "Bern", PostalCode: "3011", Country: "CH"}, "A|Weg 1|3011 Bern|Schweiz"},
		{"en", waxwing.Address{Name: "A", Lines: []string{"10 High St"}, City: "London", PostalCode: "N1 9GU", Country: "GB"}, "A|10 High St|London|N1 9GU|United Kingdom"},
		{"it", waxwing.Address{Lines: []string{"Via Roma 5"}, City: "Torino", Region: "TO", PostalCode: "10121", Country: "IT"}, "Via Roma 5|10121 Torino, TO|Italia"},
		{"pt-BR", waxwing.Address{Lines: []string{"Rua A, 5"}, City: "São Paulo", Region: "SP", PostalCode: "01310-100", Country: "BR"}, "Rua A, 5|São Paulo - SP|01310-100|Brasil"},
		{"ja", waxwing.Address{Name: "山田 美咲", Lines: []string{"神宮前1-2-3"}, City: "渋谷区", Region: "東京都", PostalCode: "150-0001", Country: "JP"}, "〒150-0001|東京都渋谷区|神宮前1-2-3|山田 美咲"},
		{"en", waxwing.Address{Name: "M Yamada", Lines: []string{"1-2-3 Jingumae"}, City: "Shibuya", Region: "Tokyo", PostalCode: "150-0001", Country: "JP"}, "M Yamada|1-2-3 Jingumae|Shibuya, Tokyo 150-0001|Japan"},
		{"en", waxwing.Address{Name: "A", CountryName: "Ruritania"}, "A|Ruritania"},
		{"en", waxwing.Address{}, ""},
	} {
		v := &view{locale: locale(t, c.tag)}
		x := v.address(&c.a)
		var lines []string
		for _, l := range v.lines[x.from:x.to] {
			lines = append(lines, string(l))
		}
		if got := strings.Join(lines, "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.tag, got, c.want)
		}
	}
}

// One set serves many mails at a time.
func TestConcurrently(t *testing.T) {
	s, brand := builtin(t), &Brand{Name: "Unchecked", Color: "#123456"}
	var wg sync.WaitGroup
	for _, tag := range locales.Tags() {
		wg.Go(func() {
			in := &Input{Order: richOrder(tag), Brand: brand, Locale: locale(t, tag)}
			var first, m Mail
			if err := s.Render(in, &first); err != nil {
				t.Error(err)
			}
			for range 20 {
				if err := s.Render(in, &m); err != nil || !bytes.Equal(m.HTML, first.HTML) {
					t.Errorf("%s: %v", tag, err)
				}
			}
		})
	}
	wg.Wait()
}
