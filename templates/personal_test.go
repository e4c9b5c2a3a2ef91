package templates

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// counter is a brand with other ways to get an order.
func counter(t testing.TB) *Brand {
	t.Helper()
	b := *acme(t)
	b.Deliveries = []Delivery{
		{Name: "Pick up in our shop", URL: "https://acme.example/pickup/{order}", Names: map[string]string{
			"de": "Im Laden abholen", "ja": "店舗で受け取る", "ar": "الاستلام من المتجر"}},
		{Name: "Leave it with a neighbour", Names: map[string]string{
			"de": "Beim Nachbarn abgeben lassen", "ja": "置き配を利用する", "ar": "تسليم الطلب إلى الجيران"}},
	}
	made, err := NewBrand(b)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// personalOrder is a rich order with everything that plugins may add.
func personalOrder(tag string) *waxwing.Order {
	o := richOrder(tag)
	price := func(minor int64) *waxwing.Money {
		if o.Currency == "JPY" {
			minor = minor * 3 / 2
		}
		return &waxwing.Money{Minor: minor, Currency: o.Currency}
	}
	type words struct {
		subject, greeting, message string
		goods                      [4]string
	}
	w, ok := map[string]words{
		"en": {"Anna, your third order is on its way to the packing table", "Good to see you again, Anna!",
			"This is your third order with us. Thank you for coming back; we have put a little something into the parcel.",
			[4]string{"Enamel mug", "Merino socks, three pairs", "Canvas rucksack 24 l", "Head torch"}},
		"de": {"Jörg, Ihre dritte Bestellung ist bestätigt", "Schön, dass Sie wieder da sind, Herr Müller!",
			"Das ist Ihre dritte Bestellung bei uns. Danke, dass Sie wiederkommen; wir haben dem Paket eine Kleinigkeit beigelegt.",
			[4]string{"Emaillebecher", "Merinosocken, drei Paar", "Rucksack aus Segeltuch 24 l", "Stirnlampe"}},
		"ja": {"山田様、いつもありがとうございます。ご注文を承りました", "山田 美咲 様、いつもありがとうございます。",
			"今回で3回目のご注文です。日頃のご愛顧に感謝を込めて、ささやかな贈り物を同封いたします。",
			[4]string{"ホーローマグ", "メリノソックス 3足組", "キャンバスリュック 24 l", "ヘッドランプ"}},
		"ar": {"ليلى، تم تأكيد طلبك الثالث", "سعداء بعودتك يا ليلى!",
			"هذا طلبك الثالث لدينا. شكرًا لثقتك بنا، وقد أضفنا إلى طردك هدية صغيرة.",
			[4]string{"كوب مطلي بالمينا", "جوارب ميرينو، ثلاثة أزواج", "حقيبة ظهر من القماش", "مصباح رأس"}},
	}[tag]
	if !ok {
		return personalOrder("en")
	}
	o.Personal = &waxwing.Personal{Subject: w.subject, Greeting: w.greeting, Vars: map[string]string{"message": w.message},
		Delay: &waxwing.Delay{P50: 30 * time.Hour, P90: 90 * time.Hour, Reason: waxwing.DelayWeather}}
	for i, name := range w.goods {
		c := waxwing.Candidate{SKU: fmt.Sprint("R-", i), Name: name, Price: price(int64(1950 + 1700*i))}
		if i != 3 {
			c.URL = fmt.Sprintf("https://acme.example/p/%d", i)
		}
		if i < 2 {
			c.ImageURL = fmt.Sprintf("https://cdn.acme.example/r/%d.jpg", i)
		}
		o.Personal.Recommended = append(o.Personal.Recommended, c)
	}
	return o
}

// A full Personal in four languages. go test ./templates -update writes them.
func TestPersonalGolden(t *testing.T) {
	for _, tag := range []string{"en", "de", "ja", "ar"} {
		o := personalOrder(tag)
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Brand: counter(t), Locale: locale(t, tag)}, &m); err != nil {
			t.Fatal(err)
		}
		if m.Subject != o.Personal.Subject || m.Impersonal {
			t.Errorf("%s: subject %q", tag, m.Subject)
		}
		golden(t, "personal-"+tag+".txt", append([]byte("Subject: "+m.Subject+"\n\n"), m.Text...))
		golden(t, "personal-"+tag+".html", m.HTML)
	}
}

// What plugins said does not come into the next mail, nor what they did not.
func TestPersonalDoesNotStay(t *testing.T) {
	var reused, fresh Mail
	plain := &Input{Order: richOrder("en"), Brand: counter(t), Locale: locale(t, "en")}
	if err := builtin(t).Render(plain, &fresh); err != nil {
		t.Fatal(err)
	}
	if err := builtin(t).Render(&Input{Order: personalOrder("en"), Brand: counter(t), Locale: locale(t, "en")}, &reused); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(reused.HTML, fresh.HTML) {
		t.Fatal("nothing is personal")
	}
	for _, p := range []*waxwing.Personal{nil, {}, {Delay: &waxwing.Delay{P90: 59 * time.Minute}, Subject: " \r\n", Greeting: "\u202e"}} {
		plain.Order.Personal = p
		if err := builtin(t).Render(plain, &reused); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(reused.HTML, fresh.HTML) || !bytes.Equal(reused.Text, fresh.Text) || reused.Subject != fresh.Subject {
			t.Errorf("%+v: the mail is another one", p)
		}
	}
}

// spoil puts a value into every text of a Personal, and names a key by it.
func spoil(p *waxwing.Personal, value string) []func() {
	var all []func()
	for _, name := range slices.Sorted(maps.Keys(p.Vars)) {
		all = append(all, func() { p.Vars[name] = value })
	}
	all = append(all, func() { p.Vars[value], p.Blocks = value, map[string]bool{value: true} },
		func() { p.Delay.Reason = waxwing.DelayReason(value) })
	stringFields(reflect.ValueOf(p).Elem(), "", func(path string, v reflect.Value) {
		if !strings.Contains(path, "Currency") {
			all = append(all, func() { v.SetString(value) })
		}
	})
	return all
}

// No text of a plugin changes the mail's structure, adds a line, makes a link
// or comes to a header as more than one line.
func TestHostilePersonal(t *testing.T) {
	long := strings.Repeat("long ", 2000)
	for _, value := range []string{hostile, `<img src=x onerror=alert(1)>`, "{{mustache}} {{{brand.name}}} {{#items}}{{/items}} {{> footer}}", "<script>alert(1)</script>",
		"Hi\r\nBcc: victim@example.com\r\n\r\n<b>body</b>", "\u202egnp.exe\u202c \u2066x\u2069 \u2067y", long, "👩‍👩‍👧‍👦🎉 emoji", "a\x00b\x1b[31m", "\xff\xfe broken", "</title></style>--><!--"} {
		for _, tag := range []string{"en", "ar"} {
			render := func(value string, n int) *Mail {
				o := personalOrder(tag)
				o.Personal.Recommended[0].ImageURL = "https://cdn.acme.example/0.jpg"
				if n >= 0 {
					spoil(o.Personal, value)[n]()
				}
				m := &Mail{}
				if err := builtin(t).Render(&Input{Order: o, Brand: counter(t), Locale: locale(t, tag)}, m); err != nil || m.Impersonal {
					t.Fatalf("%.40q %d: %v", value, n, err)
				}
				return m
			}
			for n := range spoil(personalOrder(tag).Personal, "") {
				good, bad := render("benign", n), render(value, n)
				if g, b := structure(t, good.HTML), structure(t, bad.HTML); g != b {
					t.Errorf("%s %.40q at %d changes the HTML:\n%s", tag, value, n, firstDifference(g, b))
				}
				if g, b := bytes.Count(good.Text, []byte("\n")), bytes.Count(bad.Text, []byte("\n")); g != b {
					t.Errorf("%s %.40q at %d: the text has %d lines, not %d", tag, value, n, b, g)
				}
				if strings.ContainsFunc(bad.Subject, func(r rune) bool {
					return unicode.IsControl(r) || r >= '\u2028' && r <= '\u202e'
				}) || len([]rune(bad.Subject)) > maxSubject || bad.Subject == "" {
					t.Errorf("%s: subject %q", tag, bad.Subject)
				}
				if bytes.Contains(bad.HTML, []byte("\u202e")) || bytes.Contains(bad.Text, []byte("\u202e")) || bytes.ContainsAny(bad.HTML, "\x00\r\x1b") {
					t.Errorf("%s %.40q at %d: control characters", tag, value, n)
				}
				if bytes.Contains(bad.Text, []byte("https://evil")) || bytes.Contains(bad.Text, []byte("www.evil")) {
					t.Errorf("%s at %d: a link in the text", tag, n)
				}
				if len(bad.HTML) > 60_000 {
					t.Errorf("%s %.40q at %d: %d bytes", tag, value, n, len(bad.HTML))
				}
				checkLinks(t, bad.HTML)
			}
		}
	}
}

// The subject of a plugin is the one of the header and of the title.
func TestPersonalSubject(t *testing.T) {
	o := personalOrder("en")
	o.Personal.Subject = "Tea & \u2066<cake>\u2069\r\nBcc: x@example.com {{brand.name}}"
	var m Mail
	if err := builtin(t).Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil {
		t.Fatal(err)
	}
	if want := "Tea & <cake> Bcc: x@example.com {{brand.name}}"; m.Subject != want {
		t.Errorf("%q, want %q", m.Subject, want)
	}
	if !bytes.Contains(m.HTML, []byte("<title>Tea &amp; &lt;cake&gt; Bcc: x@example.com {{brand.name}}</title>")) {
		t.Error("the title is not the subject, escaped")
	}
}

// Blocks and variables in a tenant's own templates.
func TestPersonalNames(t *testing.T) {
	set := func(text string) (*Set, error) {
		return Load(fstest.MapFS{"order.txt.mustache": {Data: []byte(text)}}, nil)
	}
	s, err := set("{{#vars.a}}[{{vars.a}}|{{.}}]{{/vars.a}}{{^vars.b}}no b{{/vars.b}}{{#items}}{{vars.a}}{{/items}}" +
		"{{#blocks.gift}}gift{{/blocks.gift}}{{#blocks.support}}help{{/blocks.support}}{{^blocks.delay}}on time{{/blocks.delay}}\n{{#recommended_all}}{{sku}} {{/recommended_all}}")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    *waxwing.Personal
		want string
	}{
		{nil, "no bhelp\n"},
		{&waxwing.Personal{Vars: map[string]string{"a": "x"}, Blocks: map[string]bool{"gift": true, "support": false, "delay": false}}, "[x|x]no bxxxgifton time\n"},
		{&waxwing.Personal{Vars: map[string]string{"b": "y"}, Recommended: []waxwing.Candidate{{SKU: "1", Name: "N"}, {SKU: "2"}, {SKU: "3", Name: "N"}}}, "help\n1 3\n"},
	} {
		o := richOrder("en")
		o.Personal = c.p
		var m Mail
		if err := s.Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil || string(m.Text) != c.want {
			t.Errorf("%q, want %q (%v)", m.Text, c.want, err)
		}
	}
	for _, bad := range []string{"{{vars.Big}}", "{{vars.}}", "{{vars.a-b}}", "{{#blocks.1x}}{{/blocks.1x}}", "{{blocks.gift}}", "{{vars." + strings.Repeat("a", 33) + "}}"} {
		if _, err := set(bad); err == nil {
			t.Errorf("%s loads", bad)
		}
	}
	many := ""
	for i := range maxNames + 1 {
		many += fmt.Sprintf("{{vars.v%d}}", i)
	}
	if _, err := set(many); err == nil {
		t.Error("a set knows any number of names")
	}
	if _, err := Load(fstest.MapFS{"order.html.mustache": {Data: []byte(`<a href="{{vars.link}}">x</a>`)}}, nil); err == nil {
		t.Error("a variable may be an address")
	}
}

// A plugin that makes the mail too large costs its own words, not the mail.
func TestPersonalTooLarge(t *testing.T) {
	var html strings.Builder
	o := richOrder("en")
	o.Personal = &waxwing.Personal{Vars: map[string]string{}}
	for i := range 32 {
		fmt.Fprintf(&html, "{{vars.v%d}}", i)
		o.Personal.Vars[fmt.Sprint("v", i)] = strings.Repeat(`"`, 2000)
	}
	s, err := Load(fstest.MapFS{"order.html.mustache": {Data: []byte("<p>{{order.number}}" + html.String() + "</p>")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var m Mail
	if err := s.Render(&Input{Order: o, Brand: acme(t), Locale: locale(t, "en")}, &m); err != nil || !m.Impersonal || !bytes.Contains(m.HTML, []byte("<p>#1042</p>")) {
		t.Errorf("%v %v %.200s", err, m.Impersonal, m.HTML)
	}
}

// How late is said as people say it, in every language.
func TestDelayNotice(t *testing.T) {
	for _, c := range []struct {
		tag      string
		p50, p90 float64
		reason   waxwing.DelayReason
		want     string
	}{
		{"en", 0, 0.9, "", ""}, {"en", 1, 0, "", "Your order may arrive later than planned. We expect it to be about an hour late."},
		{"en", 3, 8, "volume", "There are more parcels on the way than usual, so your order may arrive later than planned. We expect it to be about 3 hours late, and in most cases no more than 8 hours."},
		{"en", 0.4, 30, "made up", "Your order may arrive later than planned. In most cases it will be no more than 2 days late."},
		{"en", 21, 24, "", "Your order may arrive later than planned. We expect it to be about a day late."},
		{"de", 30, 90, "weather", "Wegen Unwettern kommt Ihre Bestellung möglicherweise später an als geplant. Wir rechnen mit etwa einem Tag Verspätung, in den meisten Fällen mit höchstens 4 Tagen."},
		{"pl", 5, 50, "carrier", "Przewoźnik ma opóźnienia, dlatego zamówienie może dotrzeć później, niż planowaliśmy. Szacujemy, że opóźni się o mniej więcej 5 godzin, a w większości przypadków nie więcej niż o 3 dni."},
		{"ar", 48, 264, "customs", "يستغرق التخليص الجمركي وقتًا أطول من المعتاد، لذا قد يصل طلبك متأخرًا عن الموعد المتوقع. نتوقع أن يتأخر نحو يومين، وفي معظم الحالات بما لا يزيد على 11 يومًا."},
		{"ja", 30, 90, "holiday", "休日の影響により、商品のお届けが予定より遅れる可能性がございます。遅れは1日ほど、多くの場合は4日以内の見込みです。"},
		{"en", -5, -1, "", ""}, {"en", 1e6, 1e7, "", ""},
	} {
		o := richOrder(c.tag)
		hours := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
		o.Personal = &waxwing.Personal{Delay: &waxwing.Delay{P50: hours(c.p50), P90: hours(c.p90), Reason: c.reason}}
		var m Mail
		if err := builtin(t).Render(&Input{Order: o, Brand: counter(t), Locale: locale(t, c.tag)}, &m); err != nil {
			t.Fatal(err)
		}
		v := &view{personal: o.Personal, names: newPersonalNames()}
		v.fill(&Input{Order: o, Brand: counter(t), Locale: locale(t, c.tag)}, maxItems)
		if got := string(v.root[fDelayNotice]); got != c.want {
			t.Errorf("%s %v %v %s:\n got %s\nwant %s", c.tag, c.p50, c.p90, c.reason, got, c.want)
		}
	}
	for _, tag := range locales.Tags() {
		for _, r := range append(slices.Clone(waxwing.DelayReasons), "") {
			o := richOrder(tag)
			o.Personal = &waxwing.Personal{Delay: &waxwing.Delay{P50: 2 * time.Hour, P90: 60 * time.Hour, Reason: r}}
			v := &view{personal: o.Personal, names: newPersonalNames()}
			v.fill(&Input{Order: o, Locale: locale(t, tag)}, maxItems)
			if s := string(v.root[fDelayNotice]); strings.Contains(s, "  ") || strings.Contains(s, "{{") || strings.Count(s, "3") != 1 {
				t.Errorf("%s %s: %q", tag, r, s)
			}
		}
	}
}

// The new window is the old one moved by whole days.
func TestDelayWindow(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		from, to time.Time
		p50, p90 int
		want     string
	}{
		{day(12), day(15), 30, 90, "Fri, March 13 – Thu, March 19, 2026"}, {day(12), day(12), 2, 5, ""}, {day(12), day(15), 0, 14, "Thu, March 12 – Mon, March 16, 2026"},
		{day(12), time.Time{}, 24, 48, "Fri, March 13 – Sat, March 14, 2026"}, {time.Time{}, day(15), 24, 48, "Tue, March 17, 2026"}, {time.Time{}, time.Time{}, 24, 48, ""},
		{day(30), day(31), 24, 240, "Tue, March 31 – Fri, April 10, 2026"}, {time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}, 24, 48, ""},
	} {
		o := &waxwing.Order{Delivery: waxwing.Delivery{From: c.from, To: c.to},
			Personal: &waxwing.Personal{Delay: &waxwing.Delay{P50: time.Duration(c.p50) * time.Hour, P90: time.Duration(c.p90) * time.Hour}}}
		v := &view{personal: o.Personal, names: newPersonalNames()}
		v.fill(&Input{Order: o, Locale: locale(t, "en")}, maxItems)
		if got := strings.NewReplacer("\u2009", " ", "\u202f", " ").Replace(string(v.root[fDelayWindow])); got != c.want {
			t.Errorf("%v: %q, want %q", c, got, c.want)
		}
	}
}

func BenchmarkRenderPersonal(b *testing.B) {
	for _, tag := range []string{"en", "ar"} {
		b.Run(tag, func(b *testing.B) {
			in := &Input{Order: personalOrder(tag), Brand: counter(b), Locale: locale(b, tag)}
			s := builtin(b)
			var m Mail
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Render(in, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
