package address_test

import (
	"fmt"

	"github.com/waxwinghq/waxwing/channel/address"
)

func ExampleParse() {
	for _, s := range []string{"Ida Moss <ida@mail.example>", "ida..moss@docomo.ne.jp", "ida@müller.example", "ida@a.example, jo@b.example"} {
		a, err := address.Parse(s)
		if err != nil {
			fmt.Println("refused:", err)
			continue
		}
		fmt.Println(a)
	}
	// Output:
	// ida@mail.example
	// "ida..moss"@docomo.ne.jp
	// ida@xn--mller-kva.example
	// refused: address is a list of several that differ: choose one and resend
}
