package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// expand replaces ${VAR} and ${VAR:-default}; $${ stands for ${ itself. The
// problem is empty where all went well; it never quotes a value.
func expand(s string, env func(string) (string, bool)) (out, problem, remedy string) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), "", ""
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		body, rest, closed := strings.Cut(s[i+2:], "}")
		if !closed {
			return "", "${ is never closed", "Add the }, or write $${ for the characters themselves"
		}
		name, otherwise, hasOtherwise := strings.Cut(body, ":-")
		if !variable(name) {
			return "", "the name in ${...} is not a variable's", `Write "${NAME}" with letters, digits and _, or $${ for the characters themselves`
		}
		v, ok := env(name)
		switch {
		case v == "" && hasOtherwise:
			v = otherwise
		case !ok:
			return "", "the environment has no variable " + name, fmt.Sprintf(`Set %s, or write "${%s:-default}"`, name, name)
		}
		b.WriteString(v)
		s = rest
	}
}

func variable(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 200
}

// maxSecret is the most bytes of a secret's file.
const maxSecret = 64 << 10

// readSecret reads the file that a secret names. Trailing line ends are
// trimmed, since editors and echo put them there.
func readSecret(dir, path string) (value, problem, remedy string) {
	if path == "" {
		return "", `"file:" names no file`, `Write "file:/path/of/the/secret"`
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	shown := fmt.Sprintf("%.200q", path)
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return "", "the secret's file " + shown + " is no file", "Name a file that holds nothing but the secret"
	}
	f, err := os.Open(path)
	switch {
	case os.IsNotExist(err):
		return "", "the secret's file " + shown + " does not exist", "Make it, or mend the path; a relative one begins at the configuration file"
	case err != nil:
		return "", "the secret's file " + shown + " cannot be opened", "Let the daemon's user read it"
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", "the secret's file " + shown + " cannot be read", "Name a file that holds nothing but the secret"
	case len(b) > maxSecret:
		return "", "the secret's file " + shown + " is larger than 64 KiB", "Name a file that holds nothing but the secret"
	}
	// Editors of some systems begin a file with a mark of its encoding.
	value = strings.TrimRight(strings.TrimPrefix(string(b), "\ufeff"), "\r\n")
	if strings.ContainsRune(value, 0) || !utf8.ValidString(value) {
		return "", "the secret's file " + shown + " is not UTF-8", "Save it as UTF-8"
	}
	if value == "" {
		return "", "the secret's file " + shown + " is empty", "Write the secret into it"
	}
	return value, "", ""
}
