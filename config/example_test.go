package config_test

import (
	"fmt"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// Faults name the place and the remedy.
func ExampleParse() {
	_, err := config.Parse("waxwing.yaml", []byte("provider:\n  mail: {type: smtp}\n"), func(string) (string, bool) { return "", false }, daemon.Components())
	fmt.Println(err)
	// Output:
	// waxwing.yaml:1:1: unknown key "provider". Did you mean "providers"?
	//     1 | provider:
	//       | ^
}

func ExampleParseDuration() {
	d, err := config.ParseDuration("90d")
	fmt.Println(d.D(), err)
	// Output:
	// 2160h0m0s <nil>
}
