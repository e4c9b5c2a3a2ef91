package pack

import (
	"bytes"
	"errors"
	"testing"
)

// TestLines: what was packed comes back, plain lines of older programs are read, and what was
// changed gives other lines or none.
func TestLines(t *testing.T) {
	plain := []byte(`{"seq":7,"at":1795736781222,"c":"0sbqpesm00020","from":"received","to":"ready","cause":"released"}` + "\n")
	batch := bytes.Repeat(plain, 20)
	packed := Lines([]byte("before"), batch)
	if !bytes.HasPrefix(packed, []byte("before")) || len(packed) > len(batch)/5 {
		t.Fatalf("%d bytes of %d", len(packed), len(batch))
	}
	packed = packed[len("before"):]
	for _, b := range [][]byte{packed, batch} {
		if got, err := UnpackLines([]byte("before"), b); err != nil || string(got) != "before"+string(batch) {
			t.Errorf("%.200q %v", got, err)
		}
	}
	if got, err := UnpackLines(nil, nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	for i := range packed {
		b := bytes.Clone(packed)
		b[i] ^= 0x55
		if got, err := UnpackLines(nil, b); err == nil && bytes.Equal(got, batch) {
			t.Errorf("byte %d was changed unseen", i)
		} else if err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	}
	if _, err := UnpackLines(nil, packed[:len(packed)-1]); !errors.Is(err, ErrDamaged) {
		t.Error("cut off:", err)
	}
	huge := []byte{packedLines, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}
	if _, err := UnpackLines(nil, huge); !errors.Is(err, ErrDamaged) {
		t.Error("four gigabytes:", err)
	}
}

func BenchmarkLines(b *testing.B) {
	batch := []byte(lineWords)
	var dst []byte
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		dst = Lines(dst[:0], batch)
	}
}
