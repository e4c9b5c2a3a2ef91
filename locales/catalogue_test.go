package locales

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

func builtin(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every locale has every message, every plural form that CLDR demands and no
// other, and the placeholders of the English one.
func TestCataloguesAreComplete(t *testing.T) {
	english := catalogueFile(t, "en")
	c := builtin(t)
	for _, tag := range Tags() {
		own := catalogueFile(t, tag)
		l, _ := c.Locale(tag)
		_, variant := variants[tag]
		for id, text := range own {
			if _, ok := english[id]; !ok {
				t.Errorf("%s: %s is not in en.json", tag, id)
			}
			forms, plural := text.(map[string]any)
			if _, want := english[id].(map[string]any); plural != want {
				t.Errorf("%s: %s: plural %v", tag, id, plural)
			}
			if !plural {
				if got, want := placeholders(text.(string)), placeholders(english[id].(string)); got != want && !nameInstead(got, want) {
					t.Errorf("%s: %s has %q, en has %q", tag, id, got, want)
				}
				continue
			}
			var has, need []string
			for f := range forms {
				has = append(has, f)
			}
			for _, f := range l.plurals.categories() {
				need = append(need, formNames[f])
			}
			// Whole numbers never are of Polish "other", but CLDR has it.
			if slices.Sort(has); !slices.Equal(has, sorted(need)) {
				t.Errorf("%s: %s has the forms %v, CLDR %v", tag, id, has, need)
			}
			want := placeholders(english[id].(map[string]any)["other"].(string))
			for f, s := range forms {
				got := placeholders(s.(string))
				// Zero, one and two may be said in words.
				if words := slices.Contains([]string{"zero", "one", "two"}, f); got != want && !(words && got == strings.Replace(want, "Count ", "", 1)) {
					t.Errorf("%s: %s.%s has %q, en has %q", tag, id, f, got, want)
				}
			}
		}
		for id := range english {
			if _, ok := own[id]; !ok && !variant {
				t.Errorf("%s: %s is missing", tag, id)
			}
		}
		if len(own) != int(numBuiltin) && !variant {
			t.Errorf("%s has %d messages, message_ids.go %d", tag, len(own), numBuiltin)
		}
	}
}

// Languages that are polite by the whole name greet by it, and in some a subject
// with a name and no title is curt.
func nameInstead(got, want string) bool {
	rest, ok := strings.CutPrefix(want, "FirstName ")
	return ok && (got == rest || got == "Name "+rest)
}

// A variant's file holds only what differs from its base, which has its texts.
func TestVariantsAreLight(t *testing.T) {
	c := builtin(t)
	for tag, base := range variants {
		if _, err := catalogueFiles.ReadFile("catalogue/" + tag + ".json"); err == nil {
			of := catalogueFile(t, base)
			for id, text := range catalogueFile(t, tag) {
				if reflect.DeepEqual(of[id], text) && tag != "zh-Hant" {
					t.Errorf("%s: %s is as in %s: leave it out", tag, id, base)
				}
			}
		}
		v, _ := c.Locale(tag)
		b, _ := c.Locale(base)
		if v.Base() != base || b.Base() != base {
			t.Errorf("%s: base %s, want %s", tag, v.Base(), base)
		}
		for m := range v.messages {
			if strings.Contains(v.Text(Message(m)), "ß") && tag == "de-CH" {
				t.Errorf("de-CH: %s has an ß", c.names[m])
			}
		}
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

func catalogueFile(t *testing.T, tag string) map[string]any {
	t.Helper()
	raw, err := catalogueFiles.ReadFile("catalogue/" + tag + ".json")
	if _, variant := variants[tag]; variant && err != nil {
		return nil // it differs in its formats alone
	}
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// placeholders lists a text's placeholders in alphabetical order.
func placeholders(s string) string {
	var names []string
	for _, p := range strings.Split(s, "{{.")[1:] {
		name, _, _ := strings.Cut(p, "}}")
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(append(names, ""), " ")
}

// No text betrays a slip of the keyboard: doubled or outer spaces, straight
// quotes, markup.
func TestCataloguesAreTidy(t *testing.T) {
	for _, tag := range Tags() {
		for id, text := range catalogueFile(t, tag) {
			forms, plural := text.(map[string]any)
			if !plural {
				forms = map[string]any{"": text}
			}
			for _, f := range forms {
				s := f.(string)
				if s != strings.TrimSpace(s) || strings.Contains(s, "  ") || strings.ContainsAny(s, "<>&\"'\n\t") {
					t.Errorf("%s: %s: %q", tag, id, s)
				}
				for i, r := range []rune(s) { // what a careless replacement leaves: "issseu"
					if rs := []rune(s); i > 1 && unicode.IsLetter(r) && r == rs[i-1] && r == rs[i-2] {
						t.Errorf("%s: %s: a letter three times in %q", tag, id, s)
					}
				}
			}
		}
	}
}

func TestChoose(t *testing.T) {
	all := Tags()
	few := []string{"en", "de", "fr", "ja", "ar"}
	for _, c := range []struct {
		offered []string
		wants   string
		want    string
	}{
		{all, "en-GB", "en-GB"}, {all, "pt", "pt-BR"}, {all, "pt-PT", "pt-PT"}, {all, "de_DE", "de"},
		{all, "de-CH", "de-CH"}, {all, "zh-CN", "zh-Hans"}, {all, "zh", "zh-Hans"}, {all, "zh-SG", "zh-Hans"},
		{all, "zh-TW", "zh-Hant"}, {all, "zh-Hant", "zh-Hant"}, {all, "zh-TW fr", "zh-Hant"}, {all, "zh-HK", "zh-Hant"},
		// What else a tag holds does not count.
		{few, "de_CH_informal", "de-CH"}, {few, "de_AT_formal", "de-AT"}, {few, "de_DE_formal", "de"}, {few, "de_formal", "de"},
		{few, "en_GB.UTF-8", "en-GB"}, {few, "en_AU@currency=AUD", "en-AU"}, {all, "pt_PT_ao90", "pt-PT"}, {few, "fr-CA-u-nu-latn", "fr-CA"},
		{few, "de-1901-AT", "de-AT"}, {few, "de-x-CH", "de"}, {few, "ar_EG_#Arab", "ar"}, {all, "ZH_hant_tw", "zh-Hant"}, {few, "en-gb,en;q=0.9", "en-GB"},
		// A region that writes as a variant does.
		{few, "en-NZ", "en-GB"}, {few, "en-IE", "en-GB"}, {few, "en-IN", "en-GB"}, {few, "en-DE", "en-GB"}, {few, "en-US", "en"}, {few, "en", "en"}, {few, "en-PR", "en"},
		{all, "es-CO", "es-MX"}, {all, "es-419", "es-MX"}, {all, "es-US", "es-MX"}, {all, "es-ES", "es"}, {all, "pt-AO", "pt-PT"}, {all, "pt-BR", "pt-BR"},
		{few, "de-LI", "de-CH"}, {few, "de-LU", "de"}, {few, "fr-BE", "fr"}, {few, "fr-CH", "fr-CH"}, {all, "it-CH", "it"}, {all, "nl-BE", "nl"},
		// What is offered exactly wins; a variant may be offered without its base.
		{[]string{"en-GB"}, "en-US", "en-GB"}, {[]string{"en-AU", "en"}, "en-NZ", "en-GB"}, {[]string{"pt-PT"}, "pt-BR", "pt-PT"}, {[]string{"de"}, "zh-Hant", "de"},
		{[]string{"en", "zh-Hant"}, "zh-CN", "en"}, {[]string{"zh-Hans"}, "zh-HK", "zh-Hant"},
		{all, "AR-eg", "ar"}, {all, "ja-JP", "ja"}, {all, "nb", "en"}, {all, "sr-Latn", "en"},
		{all, "xx-!! garbage", "en"}, {all, "", "en"}, {all, "  sv ", "sv"}, {all, "fr-CA-x-private", "fr-CA"},
		{few, "it", "en"}, {few, "it de", "de"}, {[]string{"de", "en"}, "it", "de"}, {nil, "de", "en"},
		{all, "und", "en"}, {all, "i-klingon", "en"}, {all, strings.Repeat("a-", 50), "en"}, {all, "C", "en"}, {all, "POSIX", "en"},
	} {
		if got := Choose(c.offered, strings.Split(c.wants, " ")...); got != c.want {
			t.Errorf("Choose(%v, %q) = %s, want %s", c.offered, c.wants, got, c.want)
		}
	}
	for country, want := range map[string]string{"DE": "de", "at": "de-AT", "CH": "", "BR": "pt-BR", "JP": "ja", "CN": "zh-Hans", "TW": "zh-Hant", "GB": "en-GB", "PT": "pt-PT", "MX": "es-MX", "HK": "", "SA": "ar", "AE": "ar", "EG": "ar", "BE": "", "CA": "", "": "", "XX": ""} {
		if got := ForCountry(country); got != want {
			t.Errorf("ForCountry(%s) = %q, want %q", country, got, want)
		}
	}
}

func TestInCountry(t *testing.T) {
	for _, c := range [][3]string{
		{"en", "GB", "en-GB"}, {"en", "AU", "en-AU"}, {"en", "CA", "en-CA"}, {"en", "US", "en"}, {"en", "NZ", "en-NZ"}, {"en", "DE", "en-DE"},
		{"de", "CH", "de-CH"}, {"de", "ES", "de"}, {"fr", "CA", "fr-CA"}, {"fr", "GB", "fr"}, {"es", "MX", "es-MX"}, {"es", "AR", "es-AR"}, {"es", "US", "es-US"},
		{"pt", "PT", "pt-PT"}, {"zh", "TW", "zh-TW"}, {"zh-Hans", "TW", "zh-Hans"}, {"en-US", "GB", "en-US"}, {"ja", "GB", "ja"}, {"", "GB", ""}, {"en", "", "en"}, {"!", "GB", "!"},
	} {
		if got := InCountry(c[0], c[1]); got != c[2] {
			t.Errorf("InCountry(%q, %s) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// What a tenant says of a language holds for its variants, unless the variant's
// own file says otherwise.
func TestLoadVariants(t *testing.T) {
	c, err := Load(fstest.MapFS{
		"en.json":    {Data: []byte(`{"cheque": "By check, please", "headline": "Cheers", "slogan": "Colors"}`)},
		"en-GB.json": {Data: []byte(`{"slogan": "Colours"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	slogan, _ := c.Message("slogan")
	for _, x := range []struct {
		tag  string
		m    Message
		want string
	}{
		{"en-GB", MsgCheque, "By check, please"}, {"en-GB", MsgHeadline, "Cheers"}, {"en-GB", slogan, "Colours"}, {"en-AU", slogan, "Colors"},
		{"en-GB", MsgPayAuthorized, "Payment authorised"}, {"de-CH", slogan, "Colors"},
	} {
		if l, _ := c.Locale(x.tag); l.Text(x.m) != x.want {
			t.Errorf("%s: %q, want %q", x.tag, l.Text(x.m), x.want)
		}
	}
}

func TestMessages(t *testing.T) {
	c := builtin(t)
	for _, x := range []struct {
		tag  string
		msg  Message
		n    int64
		want string
	}{
		{"en", MsgMoreItems, 1, "and 1 more item"}, {"en", MsgMoreItems, 63, "and 63 more items"},
		{"pl", MsgMoreItems, 3, "i jeszcze 3 produkty"}, {"pl", MsgMoreItems, 5, "i jeszcze 5 produktów"}, {"pl", MsgMoreItems, 22, "i jeszcze 22 produkty"},
		{"ar", MsgMoreItems, 2, "ومنتجان آخران"}, {"ar", MsgMoreItems, 3, "و3 منتجات أخرى"}, {"ar", MsgMoreItems, 11, "و11 منتجًا آخر"}, {"ar", MsgMoreItems, 100, "و100 منتج آخر"}, {"ar", MsgMoreItems, 1003, "و1003 منتجات أخرى"},
		{"pl", MsgSpanHours, 1, "godzinę"}, {"pl", MsgSpanHours, 4, "4 godziny"}, {"pl", MsgSpanHours, 12, "12 godzin"}, {"pl", MsgSpanDays, 1, "jeden dzień"}, {"pl", MsgSpanDays, 22, "22 dni"},
		{"ar", MsgSpanHours, 1, "ساعة واحدة"}, {"ar", MsgSpanHours, 2, "ساعتين"}, {"ar", MsgSpanHours, 7, "7 ساعات"}, {"ar", MsgSpanHours, 19, "19 ساعة"},
		{"ar", MsgSpanDays, 2, "يومين"}, {"ar", MsgSpanDays, 10, "10 أيام"}, {"ar", MsgSpanDays, 11, "11 يومًا"}, {"ar", MsgSpanDays, 100, "100 يوم"},
		{"de", MsgSpanDays, 1, "einem Tag"}, {"fr", MsgSpanDays, 2, "2 jours"}, {"ja", MsgSpanDays, 1, "1日"},
	} {
		l, _ := c.Locale(x.tag)
		if got := string(l.Append(nil, x.msg, x.n, &Args{ArgCount: string(appendInt(nil, int(x.n), 1))})); got != x.want {
			t.Errorf("%s %d: %q, want %q", x.tag, x.n, got, x.want)
		}
	}
	ja, _ := c.Locale("ja")
	if got := ja.Country("DE"); got != "ドイツ" {
		t.Errorf("DE in Japanese: %q", got)
	}
}

// A tenant's files replace and add; every breach is named.
func TestLoad(t *testing.T) {
	c, err := Load(fstest.MapFS{
		"de.json": {Data: []byte(`{"headline": "Danke, {{.FirstName}}!", "slogan": "Draußen zu Hause"}`)},
		"fr.json": {Data: []byte(`{"slogan": "Chez vous dehors"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	slogan, _ := c.Message("slogan")
	for tag, want := range map[string]string{"de": "Draußen zu Hause", "fr": "Chez vous dehors", "ja": "Draußen zu Hause"} {
		if l, _ := c.Locale(tag); l.Text(slogan) != want {
			t.Errorf("%s: %q", tag, l.Text(slogan))
		}
	}
	de, _ := c.Locale("de")
	if got := string(de.Append(nil, MsgHeadline, 0, &Args{ArgFirstName: "Anna"})); got != "Danke, Anna!" {
		t.Error(got)
	}
	if base, _ := builtin(t).Locale("de"); base.Text(MsgHeadline) != "Vielen Dank für Ihre Bestellung" {
		t.Error("a tenant's file changed the built-in catalogue")
	}
	if base, _ := builtin(t).Locale("de"); base.Parts(slogan, 0) != nil {
		t.Error("an unknown message has no parts")
	}
	_, err = Load(fstest.MapFS{
		"xx.json": {Data: []byte(`{}`)},
		"de.json": {Data: []byte(`{"a": "{{.Nmae}}", "b": {"one": "x"}, "c": "{{#x}}", "d": "a\nBcc: x"}`)},
		"pl.json": {Data: []byte(`{"a": {"one": "x", "other": "y"}}`)},
		"fr.json": {Data: []byte(`{`)},
	})
	for _, want := range []string{"xx.json: not a built-in locale", "{{.Nmae}}", `message "b": has no text`, `"c": placeholder {{#x}}`, "pl also needs the plural forms few, many", "fr.json: ", `"d": holds a line break`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}
