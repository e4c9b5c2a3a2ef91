// Package waxwing is what a Waxwing plugin in Go imports. A plugin gives a
// function for each hook that it fills, in a variable of its package main, and
// is built with GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared:
//
//	var _ = waxwing.OnPersonalise(func(in *waxwing.Input) (*waxwing.PersonaliseOutput, error) {
//		return &waxwing.PersonaliseOutput{Greeting: "Hello!"}, nil
//	})
//
//	func main() {}
//
// Returning nil means that there is nothing to say. An error or a panic fails
// the call: it is recorded, and the confirmation goes out without it. Nothing
// survives from one call to the next.
package waxwing

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Registered is what the On functions return, so that they can stand in a
// variable's declaration.
type Registered struct{}

// handlers are the functions of this plugin by hook.
var handlers map[string]func([]byte) ([]byte, error)

// OnPersonalise fills the hook personalise: subject, greeting, variables and
// blocks of a confirmation.
func OnPersonalise(f func(*Input) (*PersonaliseOutput, error)) Registered {
	return on("personalise", f)
}

// OnRecommend fills the hook recommend: SKUs out of the candidates, best first.
func OnRecommend(f func(*Input) (*RecommendOutput, error)) Registered { return on("recommend", f) }

// OnPredictDelay fills the hook predict_delay: how many hours late the parcel
// may be.
func OnPredictDelay(f func(*Input) (*PredictDelayOutput, error)) Registered {
	return on("predict_delay", f)
}

// OnFilter fills the hook filter: whether a confirmation is held or dropped.
func OnFilter(f func(*Input) (*FilterOutput, error)) Registered { return on("filter", f) }

// OnNormalise fills the hook normalise: an event of an unknown shop becomes the
// generic order.
func OnNormalise(f func(*NormaliseInput) (*GenericOrder, error)) Registered {
	return on("normalise", f)
}

func on[I, O any](hook string, f func(*I) (*O, error)) Registered {
	if handlers == nil {
		handlers = map[string]func([]byte) ([]byte, error){}
	}
	warm(new(I), new(O))
	handlers[hook] = func(b []byte) ([]byte, error) {
		if !utf8.Valid(b) {
			return nil, errors.New("the input is not UTF-8")
		}
		in := new(I)
		if err := json.Unmarshal(b, in); err != nil {
			return nil, fmt.Errorf("reading the input: %w", err)
		}
		out, err := f(in)
		if err != nil {
			return nil, err
		}
		if out == nil {
			return []byte("{}"), nil
		}
		return json.Marshal(out)
	}
	return Registered{}
}

// warm makes encoding/json look at the types while the module starts: the host
// keeps the memory as it is then, and each call would do it anew.
func warm(in, out any) {
	_ = json.Unmarshal([]byte(`{"config":{"k":"v"},"order":{"total":{},"payment":{}},"items":[{"unit_price":{}}],"customer":{"orders":1},
		"shipping":{},"delivery":{},"candidates":[{"tags":["t"]}],"baskets":[["s"]],"lane":{"delays_h":[1.5]}}`), in)
	_, _ = json.Marshal(out) // nothing depends on either
}

// Call runs a hook as the host does: for a plugin's own tests, which run
// without WebAssembly.
func Call(hook string, input []byte) ([]byte, error) {
	f := handlers[hook]
	if f == nil {
		return nil, fmt.Errorf("this plugin does not fill %s", hook)
	}
	return f(input)
}
