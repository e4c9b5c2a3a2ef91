package plugins

import (
	"testing"
)

// BenchmarkNoPlugins is what a tenant without plugins pays.
func BenchmarkNoPlugins(b *testing.B) {
	h := NewHost(HostOptions{Engine: engine(b, nil), Store: newShelfStore()})
	b.ReportAllocs()
	for b.Loop() {
		if some, _, _, _ := h.Wants("nobody"); some {
			b.Fatal("nobody has plugins")
		}
	}
}
