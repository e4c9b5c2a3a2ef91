package config

import _ "embed"

//go:generate go test -run=TestGenerated -update .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of the configuration file, for
// editors. It is generated from the types of this package and says what they
// can: rules between values, such as a provider that is not defined, need Load.
func Schema() ([]byte, error) { return append([]byte(nil), schema...), nil }
