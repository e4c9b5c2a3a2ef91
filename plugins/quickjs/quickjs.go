// Package quickjs holds the JavaScript engine on which script plugins run, where
// it could be had: a WebAssembly build of QuickJS-ng out of a Go module, put
// beside this file by "make engine" and held by checksum. It is never part of
// the repository; without it everything else builds and works.
package quickjs

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
)

// The engine's home: a module of the Go module proxy, its checksum as in go.sum,
// the file in it and that file's SHA-256.
const (
	From      = "github.com/fastschema/qjs"
	Version   = "v0.0.6"
	ModuleSum = "h1:C45KMmQMd21UwsUAmQHxUxiWOfzwTg1GJW0DA0AbFEE="
	File      = "qjs.wasm"
	Sum       = "88fcbeead33cca3ec8394feb0fb3eec8047ec9ac5062aba7a63799cee11989b7"
)

// The engine's stack, in bytes. In the engine of this checksum it begins at
// StackBase, and in JSRuntime its top's address stands at StackTop, behind it the
// limit. It is moved to where there are StackSize, and StackSpare more for what
// functions take that do not look.
const (
	StackBase  = 165408
	StackTop   = 124
	StackSize  = 112 << 10
	StackSpare = 16 << 10
)

//go:embed engine
var folder embed.FS

// ErrOff says that the JavaScript lane is off and how to switch it on.
var ErrOff = errors.New(`the JavaScript lane is off: this program was built without the engine. Run "make engine" and build again`)

// Module is the engine's bytes, or ErrOff.
func Module() ([]byte, error) {
	b, err := folder.ReadFile("engine/quickjs.wasm")
	if err != nil {
		return nil, ErrOff
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != Sum {
		return nil, fmt.Errorf("the JavaScript engine in this program is not the one that it should be (SHA-256 %x). Run \"make engine\" and build again", sum[:6])
	}
	return b, nil
}

// Prelude is the script that runs before a plugin's own.
var Prelude = format + prelude

//go:embed prelude.js
var prelude string

//go:embed format.js
var format string

// Dispatch is the script that runs behind a plugin's own. Its value is the
// function (hook, x, y, z, input) -> text that answers: "O" and the output, or "F"
// and why it failed. x, y and z begin its random source.
const Dispatch = `__waxwing({
normalise: typeof normalise === "function" ? normalise : undefined,
filter: typeof filter === "function" ? filter : undefined,
recommend: typeof recommend === "function" ? recommend : undefined,
predict_delay: typeof predict_delay === "function" ? predict_delay : undefined,
personalise: typeof personalise === "function" ? personalise : undefined})`
