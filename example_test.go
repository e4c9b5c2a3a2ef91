package waxwing_test

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

func ExampleParseMoney() {
	m, err := waxwing.ParseMoney("19.50", "EUR")
	fmt.Println(m, m.Minor, err)
	_, err = waxwing.ParseMoney("19.505", "EUR")
	fmt.Println(err != nil)
	yen, _ := waxwing.ParseMoney("1980", "JPY")
	fmt.Println(yen.Times(2).Decimal())
	// Output:
	// 19.50 EUR 1950 <nil>
	// true
	// 3960
}

func ExampleNewID() {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	id := waxwing.NewID(at, 0, 7)
	fmt.Println(id, id.Time().Equal(at))
	next := waxwing.NewID(at, id, 3) // ids rise, whatever the clock and chance say
	fmt.Println(next > id)
	// Output:
	// 0sawrd6g00007 true
	// true
}

func ExampleDoubtRule() {
	r := waxwing.DoubtRule{Policy: waxwing.ResendDoubt, After: time.Minute, Copies: 3}
	for lost := 1; lost <= 4; lost++ {
		wait, held := r.Next(lost)
		fmt.Println(lost, wait, held)
	}
	// Output:
	// 1 1m0s false
	// 2 5m0s false
	// 3 15m0s false
	// 4 0s true
}
