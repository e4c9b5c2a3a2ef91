package templates

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/waxwinghq/waxwing"
)

var (
	cssRule  = regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`)
	cssColor = regexp.MustCompile(`(?:^|;|\s)(color|background-color|display):\s*([^;!]+)`)
)

// darkRules are what the mail's style says of colours for dark mode, by selector.
func darkRules(t *testing.T, doc string) (rules [][2]string) {
	t.Helper()
	for _, block := range strings.Split(doc, "@media (prefers-color-scheme: dark) {")[1:] {
		block, _, _ = strings.Cut(block, "\n}") // the block's own brace stands in the first column
		for _, m := range cssRule.FindAllStringSubmatch(block+"\n", -1) {
			for _, s := range strings.Split(m[1], ",") {
				rules = append(rules, [2]string{strings.TrimSpace(s), m[2]})
			}
		}
	}
	if len(rules) < 20 {
		t.Fatalf("%d rules for dark mode", len(rules))
	}
	return rules
}

// legible walks the elements as a browser computes colours, and collects each
// text that cannot be read on its ground.
type legible struct {
	rules  [][2]string // of dark mode, nil for light
	faults map[string]bool
	pairs  map[string]bool
}

func (l *legible) walk(n *html.Node, classes []string, color, ground string) {
	if n.Type == html.TextNode {
		if strings.TrimSpace(n.Data) == "" {
			return
		}
		c, okC := parseColor(color)
		g, okG := parseColor(ground)
		l.pairs[color+" on "+ground] = true
		if !okC || !okG || contrast(c, g) < 4.5 {
			l.faults[fmt.Sprintf("%s on %s (%.2f): %.30q in %v", color, ground, contrast(c, g), n.Data, classes[max(0, len(classes)-2):])] = true
		}
		return
	}
	if n.Type == html.ElementNode {
		own := ""
		for _, a := range n.Attr {
			switch a.Key {
			case "style":
				for _, m := range cssColor.FindAllStringSubmatch(a.Val, -1) {
					switch v := strings.TrimSpace(m[2]); m[1] {
					case "color":
						color = v
					case "background-color":
						ground = v
					case "display":
						if v == "none" {
							return
						}
					}
				}
			case "class":
				own = " " + a.Val + " "
			}
		}
		classes = append(slices.Clone(classes), own)
		for _, r := range l.rules {
			if !matches(r[0], classes) {
				continue
			}
			for _, m := range cssColor.FindAllStringSubmatch(r[1], -1) {
				switch v := strings.TrimSpace(m[2]); m[1] {
				case "color":
					color = v
				case "background-color":
					ground = v
				}
			}
		}
		if n.Data == "head" || n.Data == "script" || n.Data == "style" {
			return
		}
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		l.walk(k, classes, color, ground)
	}
}

// matches reports whether a selector of classes, ancestors first, meets the last element.
func matches(selector string, classes []string) bool {
	parts := strings.Fields(selector)
	if len(parts) == 0 || parts[0][0] != '.' || !strings.Contains(classes[len(classes)-1], " "+parts[len(parts)-1][1:]+" ") {
		return false
	}
	i := len(parts) - 2
	for _, c := range slices.Backward(classes[:len(classes)-1]) {
		if i >= 0 && strings.Contains(c, " "+parts[i][1:]+" ") {
			i--
		}
	}
	return i < 0
}

// Every text of every mail has a contrast of 4.5:1 at least with what it stands
// on, by day and by night, whatever the brand's colour (WCAG 2.2, 1.4.3).
func TestEveryTextIsLegible(t *testing.T) {
	cases := []hardCase{wordy("en", 30), {"partly", "ar", stateOrder("ar", "partly"), stateBrand()}, {"many", "en", stateOrder("en", "paid"), stateBrand()}}
	cases[2].order.Items, cases[2].order.Test = longOrder("en", 60).Items, true
	cases[2].order.Items[0].Refunded, cases[2].order.Items[0].Stock = 1, waxwing.StockBackorder
	for _, color := range []string{"", "#000000", "#ffffff", "#ffe600", "#ff0000", "#00ff00", "#0000ff", "#0f6b5c", "#f5f5dc", "#7f7f7f", "#767676", "#1a1c20", "#ff69b4", "#e2725b", "#2f9e8f", "#1a5fb4"} {
		for _, c := range cases {
			b := *c.brand
			b.Color = color
			brand, err := NewBrand(b)
			if err != nil {
				t.Fatal(err)
			}
			var m Mail
			if err := builtin(t).Render(&Input{Order: c.order, Brand: brand, Locale: locale(t, c.tag)}, &m); err != nil {
				t.Fatal(err)
			}
			root, err := html.Parse(bytes.NewReader(m.HTML))
			if err != nil {
				t.Fatal(err)
			}
			for scheme, rules := range map[string][][2]string{"light": nil, "dark": darkRules(t, string(m.HTML))} {
				l := &legible{rules: rules, faults: map[string]bool{}, pairs: map[string]bool{}}
				l.walk(root, nil, "#000000", "#ffffff")
				if len(l.pairs) < 8 {
					t.Errorf("%s: only %v", scheme, l.pairs)
				}
				for _, f := range slices.Sorted(maps.Keys(l.faults)) {
					t.Errorf("%q %s %s: %s", color, c.name, scheme, f)
				}
			}
		}
	}
}
