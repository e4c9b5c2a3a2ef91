package sqlite

import "testing"

// TestPersonInBytes: whoever is erased is found in events that nobody could read, and
// nobody whose address merely contains hers: what is erased is gone for good.
func TestPersonInBytes(t *testing.T) {
	for _, c := range []struct {
		who, raw string
		want     bool
	}{
		{"ana@example.com", `{"email":"Ana@Example.com"}`, true},
		{"ana@example.com", `{"email":"ana\u0040example.com"}`, true},
		{"ana@example.com", `{"note":"write to\nana@example.com."}`, true},
		{"ana@example.com", `Ana <ana@example.com>, 'ana@example.com'`, true},
		{"ana@example.com", `x=1&email=ana@example.com&y`, true},
		{"ana@example.com", `ana@example.com`, true},
		{"ana@example.com", `jana@example.com and ana@example.com`, true},
		{`"a b"@example.com`, `{"email":"\"a b\"@example.com"}`, true},
		{"ana@example.com", `{"email":"jana@example.com"}`, false},
		{"ana@example.com", `{"email":"joséana@example.com"}`, false},
		{"ana@example.com", `{"email":"d'ana@example.com"}`, false},
		{"ana@example.com", `{"email":"maria.ana@example.com","b":"maria-ana@example.com","c":"m+ana@example.com","d":"m_ana@example.com"}`, false},
		{"ana@example.com", `{"email":"ana@example.com.au"}`, false},
		{"ana@example.com", `{"email":"ana@example.community"}`, false},
		{"ana@example.co", `{"email":"ana@example.co-op.com"}`, false},
		{"+49 151 2345678", `{"phone":"+49 (151) 234-56 78"}`, true},
		{"+49 151 2345678", `{"phone":"0049151 2345678"}`, true},
		{"+49 151 2345678", `{"phone":491512345678}`, true},
		{"+49 151 2345678", `{"phone":"+49 151 23456789"}`, false},
		{"151 2345678", `{"id":9991512345678001}`, false},
	} {
		p, err := newPerson(c.who)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.in([]byte(c.raw)); got != c.want {
			t.Errorf("%s in %s: %v", c.who, c.raw, got)
		}
	}
	for _, who := range []string{"", "123", "2026", "@example.com", "ana@", "example.com", "x1.example", "EUR"} {
		if _, err := newPerson(who); err == nil {
			t.Errorf("%q may be anybody's", who)
		}
	}
}
