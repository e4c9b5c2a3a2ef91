package abi

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// LooksLike says what a file is that is no module, by its first bytes, or ""
// where nothing is known of it: at byte 0 nothing more can be said of what it is not.
func LooksLike(b []byte) string {
	for _, k := range []struct {
		magic string
		what  string
	}{
		{"\x1f\x8b", "it is gzip"}, {"PK\x03\x04", "it is a zip archive"}, {"BZh", "it is bzip2"}, {"\x28\xb5\x2f\xfd", "it is zstd"}, {"\xfd7zXZ", "it is xz"},
		{"\x7fELF", "it is an ELF binary, of this machine and not WebAssembly"}, {"MZ", "it is a Windows binary"},
		{"\xcf\xfa\xed\xfe", "it is a macOS binary"}, {"!<arch>", "it is a library (.a or .rlib), before linking"},
		{"BC\xc0\xde", "it is LLVM bitcode, before linking"}, {"%PDF", "it is a PDF"}, {"\x89PNG", "it is a picture"},
		{"\xef\xbb\xbf", "it begins with a byte order mark"}, {"\xff\xfe", "it is UTF-16"}, {"\xfe\xff", "it is UTF-16"},
	} {
		if bytes.HasPrefix(b, []byte(k.magic)) {
			return k.what
		}
	}
	if bytes.HasPrefix(b, []byte("\x00asm")) {
		if len(b) >= 8 && b[6] == 1 {
			return fmt.Sprintf("it is a WebAssembly component (version %d of the layer for components), not a module", b[4])
		}
		return "it is a WebAssembly module"
	}
	return ""
}

// NotAModule refuses a file that is no module by what it looks like, with the
// section where it ends to be one. Nil: it may be one.
func NotAModule(b []byte) error {
	const how = "send the .wasm that \"waxwing plugin build\" writes"
	at := func(section, what, remedy string) error {
		return fmt.Errorf("the module is refused: at byte 0: %s: %s; %s", section, what, remedy)
	}
	looks := LooksLike(b)
	text := bytes.TrimLeft(b[:min(len(b), 4096)], " \t\r\n")
	switch {
	case len(b) == 0:
		return at("header", "the file is empty", "build it first (waxwing plugin build)")
	case looks == "it is a WebAssembly module":
		if len(b) < 8 {
			return at("header", "the file ends within its first eight bytes", how)
		}
		if !bytes.Equal(b[4:8], []byte{1, 0, 0, 0}) {
			return at("header", fmt.Sprintf("it is WebAssembly of version %x, and modules have version 1", b[4:8]), how)
		}
		return nil
	case bytes.HasPrefix(b, []byte("\x00asm")):
		return at("header", looks, "build a core module, without wit-component or wasm-tools component new")
	case looks != "":
		return at("header", looks, how)
	case bytes.HasPrefix(text, []byte("(module")) || bytes.HasPrefix(text, []byte("(component")) || bytes.HasPrefix(text, []byte(";;")):
		return at("header", "it is WebAssembly's text format (.wat)", "turn it into a binary (wat2wasm)")
	case utf8.Valid(b[:min(len(b), 512)]) && bytes.IndexByte(b[:min(len(b), 512)], 0) < 0:
		return at("header", "it is a text, such as a script", "for JavaScript write \"lang\": \"js\" into plugin.json; else "+how)
	}
	return at("header", fmt.Sprintf("it begins with % x and not with 00 61 73 6d, as WebAssembly does", b[:min(len(b), 4)]), how)
}
