package shop

import (
	"strconv"
	"strings"
)

// prefectures are Japan's, in the order of ISO 3166-2:JP, which WooCommerce
// writes JP01 to JP47.
var prefectures = [...]string{
	"北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県", "群馬県", "埼玉県", "千葉県",
	"東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県", "山梨県", "長野県", "岐阜県", "静岡県", "愛知県", "三重県",
	"滋賀県", "京都府", "大阪府", "兵庫県", "奈良県", "和歌山県", "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県",
	"香川県", "愛媛県", "高知県", "福岡県", "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県",
}

// wooRegion returns WooCommerce's state as an address shows it. A code that
// begins with its country (CN2, DE-BY, TR34) is of WooCommerce's own making
// and no part of an address: it is left out, but for Japan's.
func wooRegion(country, state string) string {
	rest, own := strings.CutPrefix(state, country)
	if !own || country == "" || rest == "" || rest[0] != '-' && rest[0]-'0' > 9 {
		return state
	}
	if country == "JP" {
		return prefecture(rest)
	}
	return ""
}

// prefecture returns the name behind the digits of ISO 3166-2:JP, or "".
func prefecture(digits string) string {
	if n, err := strconv.Atoi(digits); err == nil && n >= 1 && n <= len(prefectures) {
		return prefectures[n-1]
	}
	return ""
}
