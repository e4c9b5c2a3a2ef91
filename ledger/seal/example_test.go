package seal_test

import (
	"fmt"

	"github.com/waxwinghq/waxwing/ledger/seal"
)

// Content opens in its own place only.
func ExampleSealer() {
	k := seal.NewKey()
	sealed := k.Sealer().Seal(nil, []byte("ida@mail.example"), "message|1")
	plain, err := k.Sealer().Open(nil, sealed, "message|1")
	fmt.Println(string(plain), err)
	_, err = k.Sealer().Open(nil, sealed, "message|2")
	fmt.Println(err)
	// Output:
	// ida@mail.example <nil>
	// sealed content does not open: wrong key, or it was changed
}
