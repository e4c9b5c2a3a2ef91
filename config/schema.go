package config

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of the configuration file, for
// editors. It is generated from the types of this package.
func Schema() ([]byte, error) { return append([]byte(nil), schema...), nil }
