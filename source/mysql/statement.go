package mysql

import (
	"slices"
	"strings"
	"unicode"
)

// statement gives the word with which a statement of the log begins, in capitals, and the rest. Comments before it are
// left out, and so is SET STATEMENT ... FOR, which is of another one.
func statement(text string) (word, rest string) {
	text = uncommented(text)
	word, rest = cutWord(text)
	if word != "SET" {
		return word, rest
	}
	if w, more := cutWord(rest); w == "STATEMENT" {
		if inner, ok := after(more, "FOR"); ok {
			return statement(inner)
		}
	}
	return word, rest
}

// cutWord parts the first word, in capitals, from what follows it.
func cutWord(text string) (word, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' })
	if end < 0 {
		end = len(text)
	}
	return strings.ToUpper(text[:end]), uncommented(text[end:])
}

// uncommented leaves out the spaces and comments with which a text begins. Of those that the server reads, /*! and /*M!, only the mark is one.
func uncommented(text string) string {
	for {
		text = strings.TrimSpace(text)
		end, size := "", 0
		switch {
		case strings.HasPrefix(text, "/*!"), strings.HasPrefix(text, "/*M!"):
			_, text, _ = strings.Cut(text, "!")
			text = strings.TrimLeft(text, "0123456789")
			continue
		case strings.HasPrefix(text, "/*"):
			end, size = "*/", 2
		case strings.HasPrefix(text, "#"):
			end, size = "\n", 1
		case text == "--", strings.HasPrefix(text, "--") && unicode.IsSpace(rune(text[2])):
			end, size = "\n", 2
		default:
			return text
		}
		_, text, _ = strings.Cut(text[size:], end)
	}
}

// after gives what follows a word that stands in no quotes.
func after(text, word string) (string, bool) {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\'' || c == '"' || c == '`':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && c != '`' {
					i++
				}
			}
			i++
		case letter(c):
			end := i
			for end < len(text) && letter(text[end]) {
				end++
			}
			if strings.EqualFold(text[i:end], word) {
				return text[end:], true
			}
			i = end
		default:
			i++
		}
	}
	return "", false
}

func letter(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c > 0x7f
}

// definitions are the words of statements that change no rows as an order has them, and are always logged as text.
var definitions = []string{"ALTER", "ANALYZE", "CHECK", "CREATE", "DROP", "FLUSH", "GRANT", "INSTALL", "OPTIMIZE", "RENAME", "REPAIR", "REVOKE", "TRUNCATE", "UNINSTALL"}

func definition(word, rest string) bool {
	if word == "SET" { // PASSWORD, DEFAULT ROLE; what STATEMENT was of could not be read
		next, _ := cutWord(rest)
		return next != "STATEMENT"
	}
	return slices.Contains(definitions, word)
}

// savepoint gives the name of one, as it follows SAVEPOINT or ROLLBACK; the server does not tell capitals apart.
func savepoint(rest string) string {
	for _, w := range []string{"WORK", "TO", "SAVEPOINT"} {
		if word, more := cutWord(rest); word == w && more != "" {
			rest = more
		}
	}
	if strings.HasPrefix(rest, "`") && strings.HasSuffix(rest, "`") && len(rest) > 1 {
		rest = strings.ReplaceAll(rest[1:len(rest)-1], "``", "`")
	}
	return strings.ToLower(rest)
}
