package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/waxwinghq/waxwing/daemon"
)

type manualCmd struct{}

// Help gives examples.
func (manualCmd) Help() string {
	return examples("waxwing manual | man -l -", "waxwing manual > /usr/local/share/man/man1/waxwing.1")
}

// Run prints the manual page, made from the commands as they are. It has no date: the same
// program prints the same bytes.
func (manualCmd) Run(s streams, k *kong.Kong) error {
	m := &manual{w: s.out}
	m.line(`.TH WAXWING 1 "" %s "User Commands"`, quotedRoff(strings.Fields(daemon.Version() + " devel")[0]))
	m.line(".SH NAME\nwaxwing \\- order confirmations, exactly one each")
	m.line(".SH SYNOPSIS\n.B waxwing\n.I COMMAND\n.RI [ FLAGS ]")
	m.line(".SH DESCRIPTION")
	m.text(about)
	m.line(".SH COMMANDS")
	m.commands(k.Model.Node, "")
	m.line(".SH FILES\n.TP\n.I waxwing.yaml\nThe configuration of this folder; another one is named with \\fB\\-c\\fR.")
	m.line(".SH EXIT STATUS\n0 on success, 1 where it failed, 2 for a command that there is not, 78 for a configuration with mistakes.")
	return m.err
}

// manual writes a page in roff's man macros (man(7)).
type manual struct {
	w   io.Writer
	err error
}

func (m *manual) line(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format+"\n", args...)
	}
}

// text writes paragraphs. A line must not begin with a dot or an apostrophe: it would be a
// request to roff.
func (m *manual) text(s string) {
	for line := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		if line = escapedRoff(line); line == "" {
			m.line(".PP")
			continue
		}
		m.line("%s", line)
	}
}

// commands writes what is below a node, each command with its own flags.
func (m *manual) commands(n *kong.Node, prefix string) {
	for _, c := range n.Children {
		if c.Hidden {
			continue
		}
		name := strings.TrimSpace(prefix + " " + c.Name)
		if len(c.Children) > 0 {
			m.commands(c, name)
			continue
		}
		m.line(".SS %s", quotedRoff("waxwing "+strings.TrimSpace(name+strings.TrimPrefix(c.Summary(), c.Path()))))
		m.text(c.Help)
		if c.Detail != "" {
			m.line(".PP\n.nf")
			m.text(c.Detail)
			m.line(".fi")
		}
		for _, f := range c.Flags {
			if !f.Hidden && f.Name != "help" {
				m.line(".TP\n.B %s", escapedRoff(f.String()))
				m.text(f.Help)
			}
		}
	}
}

// escapedRoff is a text in which nothing is a request or an escape.
func escapedRoff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.TrimRight(s, " "))
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// quotedRoff is a text as one argument of a request.
func quotedRoff(s string) string { return `"` + strings.ReplaceAll(escapedRoff(s), `"`, `\(dq`) + `"` }
