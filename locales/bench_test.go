package locales

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func BenchmarkMoney(b *testing.B) {
	l, _ := builtin(b).Locale("fr")
	m := waxwing.Money{Minor: 123456789, Currency: "USD"}
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = l.AppendMoney(buf[:0], m)
	}
}

func BenchmarkRange(b *testing.B) {
	l, _ := builtin(b).Locale("de")
	from := time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 3)
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = l.AppendRange(buf[:0], from, to, Long)
	}
}

func BenchmarkChoose(b *testing.B) {
	offered := []string{"en", "de", "fr", "ja", "ar"}
	b.ReportAllocs()
	for b.Loop() {
		Choose(offered, "fr-CA")
	}
}
