package plugins_test

import (
	"fmt"

	"github.com/waxwinghq/waxwing/plugins/abi"
)

// A manifest is read exactly: what nobody sees must not act.
func ExampleParseManifest() {
	m, err := abi.ParseManifest([]byte(`{"name":"vip","version":"1","lang":"js","hooks":["personalise"],"needs":["customer.group"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Name, m.Hooks, m.Needs)
	_, err = abi.ParseManifest([]byte(`{"name":"vip","version":"1","lang":"js","hooks":["personalise"],"Needs":["customer.email"]}`))
	fmt.Println(err)
	// Output:
	// vip [personalise] [customer.group]
	// plugin.json: at byte 72: the key "Needs" is not known, which looks like "needs" and is not it; the keys are name, version, lang, hooks, needs, reasons, config, description
}
