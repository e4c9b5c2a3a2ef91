package plugins

import (
	"github.com/waxwinghq/waxwing"
)

// scriptState is where the JavaScript engine keeps what a call needs.
type scriptState struct{}

func (e *Engine) openScript(*loaded) error { return &Fault{FaultHost, "no scripts yet"} }

func (in *instance) askScript(waxwing.Hook, []byte) ([]byte, error) { return nil, nil }
