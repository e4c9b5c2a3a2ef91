package locales_test

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

func ExampleLocale() {
	c, err := locales.Builtin()
	if err != nil {
		fmt.Println(err)
		return
	}
	price := waxwing.Money{Minor: 123450, Currency: "EUR"}
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for _, tag := range []string{"en", "de", "ja"} {
		l, _ := c.Locale(tag)
		fmt.Printf("%s: %s, %s\n", tag, l.AppendMoney(nil, price), l.AppendDate(nil, day, locales.Long))
	}
	// Output:
	// en: €1,234.50, November 28, 2026
	// de: 1.234,50 €, 28. November 2026
	// ja: €1,234.50, 2026年11月28日
}

func ExampleChoose() {
	fmt.Println(locales.Choose([]string{"en", "de", "fr"}, "de-CH", "fr"), "for de-CH")
	fmt.Println(locales.Choose([]string{"en", "de"}, "sv"))
	// Output:
	// de-CH for de-CH
	// en
}
