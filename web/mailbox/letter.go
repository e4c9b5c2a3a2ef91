package mailbox

import "strings"

// forDisplay changes a mail's HTML for the frame only: pictures of the invented
// shops come from the mailbox, light or dark is settled, and links do not lead
// away. The bytes that were sent stay as they are (see the source).
func forDisplay(html, scheme, picturesAt string) string {
	if picturesAt != "" {
		html = strings.ReplaceAll(html, picturesAt, "/mailbox/pictures/")
	}
	always, never := "(min-width: 0px)", "(max-width: 0px)"
	switch scheme {
	case "dark":
		html = strings.ReplaceAll(html, "(prefers-color-scheme: dark)", always)
	case "light":
		html = strings.ReplaceAll(html, "(prefers-color-scheme: dark)", never)
	default:
		scheme = "light dark"
	}
	frame := "<style>:root{color-scheme:" + scheme + " !important;scrollbar-width:thin}a{pointer-events:none}</style>"
	if i := strings.LastIndex(html, "</head>"); i >= 0 {
		return html[:i] + frame + html[i:]
	}
	return frame + html
}
