package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// Help shows how the command is used; kong prints it below the flags' names.

// Help gives examples.
func (serveCmd) Help() string {
	return examples("waxwing serve -c waxwing.yaml", "waxwing serve --mailbox -c waxwing.yaml   # nothing is sent: look at http://127.0.0.1:8080")
}

// Help gives examples.
func (demoCmd) Help() string {
	return examples("waxwing demo", "waxwing demo --listen 127.0.0.1:9000 --data demo-data")
}

// Help gives examples.
func (checkCmd) Help() string {
	return examples("waxwing check -c waxwing.yaml", "waxwing check --connect -c waxwing.yaml   # log in, look into DNS, ask databases; nothing is sent")
}

// Help gives examples, and says what changes.
func (reloadCmd) Help() string {
	return "Tenants, admin keys and the log's level change; whatever else has changed is named, and nothing is taken.\n\n" +
		examples("waxwing reload -c waxwing.yaml", "systemctl reload waxwing   # with ExecReload=/usr/bin/waxwing reload -c /etc/waxwing/waxwing.yaml")
}

// Help gives examples.
func (previewCmd) Help() string {
	return examples("waxwing preview order.json --shop shopify --locale de > order.html", "waxwing preview order.json --format text",
		"waxwing preview order.json -c waxwing.yaml --tenant acme --shop woocommerce --format eml > order.eml")
}

// Help gives examples.
func (ledgerList) Help() string {
	return examples("waxwing ledger list -c waxwing.yaml --tenant acme --state failed", "waxwing ledger list --data /var/lib/waxwing --order 1042 --full")
}

// Help gives examples.
func (ledgerVerify) Help() string {
	return examples("waxwing ledger verify --data /var/lib/waxwing --anchors copy-of-anchors.jsonl")
}

// Help gives examples.
func (ledgerBackup) Help() string {
	return examples("waxwing ledger backup /backup/$(date +%F) --data /var/lib/waxwing", "waxwing ledger backup /backup/waxwing.tar -c waxwing.yaml")
}

// support is what each of the commands over the API needs.
const support = "WAXWING_URL, WAXWING_TENANT and WAXWING_KEY say where the daemon is, for whom, and by whose key.\n\n"

// Help gives examples.
func (findCmd) Help() string {
	return support + examples("waxwing find 1042", "waxwing find jana@example.com --full", "waxwing find --state failed")
}

// Help gives examples.
func (showCmd) Help() string {
	return support + examples("waxwing show 1042", "waxwing show 1042 --message > mail.eml")
}

// Help gives examples.
func (resendCmd) Help() string {
	return support + examples("waxwing resend 1042", `waxwing resend 1042 --to jana@example.com --reason "a typo, by telephone"`, "waxwing resend 1042 --render")
}

// Help gives examples.
func (releaseCmd) Help() string {
	return support + examples(`waxwing release 1042 --reason "paid in the shop"`)
}

// Help gives examples.
func (cancelCmd) Help() string { return support + examples("waxwing cancel 1042") }

// Help gives examples.
func (eraseCmd) Help() string {
	return support + examples("waxwing erase jana@example.com --dry-run", "waxwing erase jana@example.com", `waxwing erase "+49 151 2345678" --yes --confirm 3 --wait`)
}

// Help gives examples.
func (tailCmd) Help() string {
	return support + examples("waxwing tail", "waxwing tail --json | jq -r .reason")
}

// Help gives examples.
func (pluginPushCmd) Help() string {
	return examples("waxwing plugin push hello --url https://waxwing.example --tenant acme   # with WAXWING_KEY")
}

// Help gives examples.
func (pluginApproveCmd) Help() string {
	return support + examples("waxwing plugin approve hello", "waxwing plugin approve hello --version 4")
}

// Help gives examples.
func (pluginSignCmd) Help() string {
	return examples("waxwing plugin sign --new --key release.key", "waxwing plugin sign hello --key release.key --tenant acme")
}

// Help gives examples.
func (topCmd) Help() string {
	return "The figures are those of /metrics: see docs/operations.md. The one that was asked has an asterisk.\n\n" +
		examples("waxwing top", "waxwing top --once --url http://10.0.0.7:8080")
}

func examples(lines ...string) string {
	return "Examples:\n\n  " + strings.Join(lines, "\n  ")
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says where its output goes.
func (completionCmd) Help() string {
	return examples("waxwing completion bash > /etc/bash_completion.d/waxwing", `waxwing completion zsh > "${fpath[1]}/_waxwing"`,
		"waxwing completion fish > ~/.config/fish/completions/waxwing.fish")
}

// Run prints a completion script, made from the commands as they are.
func (c completionCmd) Run(s streams, k *kong.Kong) error {
	var cases, fish strings.Builder
	var walk func(n *kong.Node, path string)
	walk = func(n *kong.Node, path string) {
		var words []string
		for _, child := range n.Children {
			if child.Hidden {
				continue
			}
			words = append(words, child.Name)
			fmt.Fprintf(&fish, "complete -c waxwing -f -n %s -a %s -d %s\n", fishAt(path, n), child.Name, quoted(child.Help))
			walk(child, strings.TrimSpace(path+" "+child.Name))
		}
		for _, f := range n.Flags {
			if f.Hidden {
				continue
			}
			words = append(words, "--"+f.Name)
			fmt.Fprintf(&fish, "complete -c waxwing -n %s -l %s -d %s\n", fishAt(path, n), f.Name, quoted(f.Help))
		}
		fmt.Fprintf(&cases, "    %q) words=%q ;;\n", path, strings.Join(words, " "))
	}
	walk(k.Model.Node, "")
	if c.Shell == "fish" {
		_, err := fmt.Fprint(s.out, fish.String())
		return err
	}
	if c.Shell == "zsh" {
		_, _ = fmt.Fprintln(s.out, "#compdef waxwing\nautoload -U +X bashcompinit && bashcompinit")
	}
	_, err := fmt.Fprintf(s.out, `_waxwing() {
  local path="" word words=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) [ "$(echo "$path" | wc -w)" -lt 2 ] && path="${path:+$path }$word" ;; esac
  done
  _waxwing_words "$path" || _waxwing_words "${path%%%% *}" || true
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
_waxwing_words() {
  case "$1" in
%s    *) return 1 ;;
  esac
}
complete -o default -F _waxwing waxwing
`, cases.String())
	return err
}

// fishAt is fish's condition for a command's own words.
func fishAt(path string, n *kong.Node) string {
	if path == "" {
		return "__fish_use_subcommand"
	}
	var parts []string
	for _, w := range strings.Fields(path) {
		parts = append(parts, "__fish_seen_subcommand_from "+w)
	}
	var names []string
	for _, c := range n.Children {
		names = append(names, c.Name)
	}
	if len(names) > 0 {
		parts = append(parts, "not __fish_seen_subcommand_from "+strings.Join(names, " "))
	}
	return quoted(strings.Join(parts, "; and "))
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }
