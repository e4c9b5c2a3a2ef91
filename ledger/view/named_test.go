package view

import (
	"testing"
)

// TestPersonInEvent: whoever is erased is found in events that their format cannot
// read, by whole values, and nobody whose address or number merely contains hers: what
// is erased is gone for good.
func TestPersonInEvent(t *testing.T) {
	l := &Lookups{}
	for _, c := range []struct {
		who, raw string
		want     bool
	}{
		// JSON: whole values, wherever they stand.
		{"ana@example.com", `{"email":"Ana@Example.com"}`, true},
		{"ana@example.com", `{"email":"ana\u0040example.com"}`, true},
		{"ana@example.com", `{"a":[1,{"b":[" ana@example.com "]}],"c":5}`, true},
		{`ana@example.com`, `{"note":"write to\nana@example.com."}`, false},
		{"ana@example.com", `{"email":"jana@example.com"}`, false},
		{"ana@example.com", `{"email":"ana@example.com.au"}`, false},
		{"ana@example.com", `{"email":"=ana@example.com","b":"/ana@example.com","c":"ana@example.com@x.example"}`, false},
		{"ana@example.com", `{"ana@example.com":"x"}`, false},
		{"+49 151 2345678", `{"phone":"+49 (151) 234-56 78"}`, true},
		{"+49 151 2345678", `{"phone":"0049151 2345678"}`, true},
		{"+49 151 2345678", `{"phone":491512345678}`, true},
		{"+49 151 2345678", `{"x":["+491512345678"]}`, true},
		{"+49 151 2345678", `{"id":491512345678,"order_number":"491512345678"}`, false},
		{"+49 151 2345678", `{"phone":"+49 151 23456789","tel":"+49 151 234567"}`, false},
		{"+49 151 2345678", `{"phone":"call +49 151 2345678"}`, false},
		{"0151 2345678", `{"phone":"0151/2345678"}`, true},
		{"0151 2345678", `{"phone":"+49 151 2345678"}`, false},
		// Forms.
		{"ana@example.com", `x=1&email=ana%40example.com&y=2`, true},
		{"ana@example.com", `x=1&email=ana@example.com`, true},
		{"ana@example.com", `x=1&email=jana@example.com`, false},
		{"+491512345678", `id=491512345678&a=b`, false},
		{"+491512345678", `billing_phone=%2B49+151+2345678`, true},
		// Bytes, where nobody can tell what is a value.
		{"ana@example.com", `{"email":"ana@example.com", oops`, true},
		{"ana@example.com", `Ana <ana@example.com>, 'ana@example.com'`, true},
		{"ana@example.com", `jana@example.com and ana@example.com`, true},
		{"ana@example.com", `ana@example.com`, true},
		{"ana@example.com", `{"email":"joséana@example.com", oops`, false},
		{"ana@example.com", `{"email":"d'ana@example.com", oops`, false},
		{"ana@example.com", `{"email":"maria.ana@example.com","b":"maria-ana@example.com","c":"m+ana@example.com","d":"m_ana@example.com", oops`, false},
		{"ana@example.com", `{"email":"m!ana@example.com","b":"m#ana@example.com","c":"m/ana@example.com", oops`, false},
		{"ana@example.com", `{"email":"ana@example.community", oops`, false},
		{"ana@example.co", `{"email":"ana@example.co-op.com", oops`, false},
		{"+49 151 2345678", `{"phone":"+49 (151) 234-56 78", oops`, true},
		{"+49 151 2345678", `{"phone":"+49 151 23456789", oops`, false},
		{"151 2345678", `{"id":9991512345678001, oops`, false},
		// What could be read before it broke off is whole values.
		{"ana@example.com", `{"email":"jana@example.com","note":"not ana@example.com", oops`, false},
		{"+49 151 2345678", `{"name":"#491512345678","id":491512345678,"note":"call +49 151 2345678", oops`, false},
		{"ana@example.com", `{"note":"no", oops, "email":"ana@example.com"}`, true},
		{"ana@example.com", `{"email":"ana@exam\u0070le.com`, true},
		{"+49 151 2345678", `{"phone":"+49 151 2345678`, true},
		{"+49 151 2345678", `{"phone":00491512345678}`, true},
		{"+49 151 2345678", `0049 151 2345678 calls`, true},
		{"ana@bücher.example", `{"email":"ana@b\u00fccher.example", oops`, true},
		{"ana@bücher.example", `{"email":"ana@B\u00DCCHER.example`, true},
	} {
		p, err := l.newPerson(c.who)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.in([]byte(c.raw)); got != c.want {
			t.Errorf("%s in %s: %v", c.who, c.raw, got)
		}
	}
	for _, who := range []string{"", "123", "202", "2026", "+49 151", "@example.com", "ana@", "example.com", "x1.example", "EUR", "ana@localhost",
		"1234567890123456", "A1234567", "ana@x.example, bob@x.example"} {
		if _, err := l.newPerson(who); err == nil {
			t.Errorf("%q may be anybody's", who)
		}
	}
}
