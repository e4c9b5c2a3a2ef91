package shop

import (
	"strconv"
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing/payload"
)

// prefectures are Japan's, in the order of ISO 3166-2:JP, which WooCommerce
// writes JP01 to JP47.
var prefectures = [...]string{
	"北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県", "群馬県", "埼玉県", "千葉県",
	"東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県", "山梨県", "長野県", "岐阜県", "静岡県", "愛知県", "三重県",
	"滋賀県", "京都府", "大阪府", "兵庫県", "奈良県", "和歌山県", "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県",
	"香川県", "愛媛県", "高知県", "福岡県", "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県",
}

// regionCodes are the countries in whose addresses the region stands as a code.
const regionCodes = " US CA AU BR IT "

// WritesRegionCode reports whether a country, by its ISO 3166-1 code, writes a region as a
// code in addresses.
func WritesRegionCode(country string) bool {
	return len(country) == 2 && strings.Contains(regionCodes, " "+country+" ")
}

// regionTable is regionNames, looked up by country and code ("ES B").
var regionTable = sync.OnceValue(func() map[string]string {
	t := make(map[string]string, 1600)
	for country, list := range regionNames {
		for _, entry := range strings.Split(list, "|") {
			code, name, _ := strings.Cut(entry, "=")
			t[country+" "+code] = name
		}
	}
	return t
})

// RegionName returns a state or province as an address shows it: its name where
// the shop keeps a code (B in Spain, TR34), the code in the countries that write
// it, and nothing for a code that nobody knows. A name stays as it is.
func RegionName(country, state string) string {
	if state == "" {
		return ""
	}
	code, prefixed := strings.CutPrefix(state, country)
	prefixed = prefixed && country != "" && code != "" && (code[0] == '-' || code[0]-'0' <= 9)
	if code = strings.TrimPrefix(code, "-"); !prefixed {
		code = state
	}
	switch {
	case country == "JP":
		if name := Prefecture(code); name != "" {
			return name
		}
	case WritesRegionCode(country) && len(code) <= 3 && letters(code):
		return strings.ToUpper(code)
	}
	if name := regionTable()[country+" "+strings.ToUpper(code)]; name != "" {
		return name
	}
	if prefixed || isCode(code) {
		return ""
	}
	if country == "HK" && strings.ToUpper(state) == state && len(state) < 20 { // WooCommerce's codes are words
		return titled(state)
	}
	return state
}

// isCode reports whether a region is written as a code: up to three capitals and
// digits, or digits alone.
func isCode(s string) bool {
	if payload.Digits(s, 0) == len(s) {
		return true
	}
	if len(s) > 3 {
		return false
	}
	for _, c := range []byte(s) {
		if !('A' <= c && c <= 'Z') && c-'0' > 9 {
			return false
		}
	}
	return true
}

// titled writes words of capitals with one capital each.
func titled(s string) string {
	words := strings.Fields(strings.ToLower(s))
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// Prefecture returns the name behind the digits of ISO 3166-2:JP, or "".
func Prefecture(digits string) string {
	if n, err := strconv.Atoi(digits); err == nil && n >= 1 && n <= len(prefectures) {
		return prefectures[n-1]
	}
	return ""
}
