package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// prefecturesLatin are Japan's as they are written in Latin letters, in the order
// of prefectures.
var prefecturesLatin = [...]string{
	"Hokkaido", "Aomori", "Iwate", "Miyagi", "Akita", "Yamagata", "Fukushima", "Ibaraki", "Tochigi", "Gunma", "Saitama", "Chiba",
	"Tokyo", "Kanagawa", "Niigata", "Toyama", "Ishikawa", "Fukui", "Yamanashi", "Nagano", "Gifu", "Shizuoka", "Aichi", "Mie",
	"Shiga", "Kyoto", "Osaka", "Hyogo", "Nara", "Wakayama", "Tottori", "Shimane", "Okayama", "Hiroshima", "Yamaguchi", "Tokushima",
	"Kagawa", "Ehime", "Kochi", "Fukuoka", "Saga", "Nagasaki", "Kumamoto", "Oita", "Miyazaki", "Kagoshima", "Okinawa",
}

// eastNames are the regions that shops know in Latin letters alone, as their own
// people write them.
var eastNames = map[string]string{
	"CN Anhui": "安徽省", "CN Beijing": "北京市", "CN Chongqing": "重庆市", "CN Fujian": "福建省", "CN Gansu": "甘肃省",
	"CN Guangdong": "广东省", "CN Guangxi": "广西壮族自治区", "CN Guizhou": "贵州省", "CN Hainan": "海南省", "CN Hebei": "河北省",
	"CN Heilongjiang": "黑龙江省", "CN Henan": "河南省", "CN Hubei": "湖北省", "CN Hunan": "湖南省", "CN Inner Mongolia": "内蒙古自治区",
	"CN Jiangsu": "江苏省", "CN Jiangxi": "江西省", "CN Jilin": "吉林省", "CN Liaoning": "辽宁省", "CN Macao": "澳门", "CN Ningxia": "宁夏回族自治区",
	"CN Qinghai": "青海省", "CN Shaanxi": "陕西省", "CN Shandong": "山东省", "CN Shanghai": "上海市", "CN Shanxi": "山西省",
	"CN Sichuan": "四川省", "CN Tianjin": "天津市", "CN Tibet": "西藏自治区", "CN Xizang": "西藏自治区", "CN Xinjiang": "新疆维吾尔自治区",
	"CN Yunnan": "云南省", "CN Zhejiang": "浙江省",
	"HK Hong Kong": "香港島", "HK Hong Kong Island": "香港島", "HK Kowloon": "九龍", "HK New Territories": "新界",
	"KR Busan": "부산광역시", "KR Daegu": "대구광역시", "KR Daejeon": "대전광역시", "KR Gangwon": "강원특별자치도",
	"KR Gwangju": "광주광역시", "KR Gwangju City": "광주광역시", "KR Gyeonggi": "경기도", "KR Incheon": "인천광역시", "KR Jeju": "제주특별자치도",
	"KR North Chungcheong": "충청북도", "KR South Chungcheong": "충청남도", "KR North Gyeongsang": "경상북도", "KR South Gyeongsang": "경상남도",
	"KR North Jeolla": "전북특별자치도", "KR South Jeolla": "전라남도", "KR Sejong": "세종특별자치시", "KR Seoul": "서울특별시",
	"KR Ulsan": "울산광역시",
}

// ownScript writes the region of an address in East Asia in the script of the
// rest of it, for shops know it in one alone.
func ownScript(a *waxwing.Address) {
	if a.Region == "" || a.City == "" && len(a.Lines) == 0 {
		return
	}
	east := EastAsian(a.City) || EastAsian(a.Lines...)
	switch {
	case east:
		if name := eastNames[a.Country+" "+a.Region]; name != "" {
			a.Region = name
		}
		for i, name := range prefecturesLatin {
			if a.Country == "JP" && strings.EqualFold(a.Region, name) {
				a.Region = prefectures[i]
			}
		}
	case a.Country == "JP":
		for i, name := range prefectures {
			if a.Region == name {
				a.Region = prefecturesLatin[i]
			}
		}
	}
}
