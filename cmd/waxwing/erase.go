package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
)

type eraseCmd struct {
	Address string `arg:"" help:"The person's whole e-mail address or phone number."`
	DryRun  bool   `help:"Only show what would be erased."`
	Yes     bool   `help:"Do not ask: it cannot be undone."`
	Confirm int    `help:"How many confirmations these are, where they are of more than one person." placeholder:"N"`
	Wait    bool   `help:"Wait until no copy of what was erased is left in the ledger's files."`
	whyFlag
	jsonFlag
	apiFlags
}

// erasure is the API's answer.
type erasure struct {
	Erased        int                        `json:"erased"`
	Found         int                        `json:"found"`
	People        int                        `json:"people"`
	Confirmations []waxwing.ConfirmationView `json:"confirmations,omitempty"`
	scrubbed
}

type scrubbed struct {
	Done      bool      `json:"done"`
	Since     time.Time `json:"since,omitzero"`
	Remaining string    `json:"remaining,omitempty"`
}

func (c eraseCmd) ask(dry bool, confirm int) (e erasure, err error) {
	b, err := json.Marshal(map[string]any{"address": c.Address, "reason": c.Reason, "dry_run": dry, "confirm": confirm})
	if err == nil {
		err = c.Call(http.MethodPost, "/people/erase", "application/json", b, &e)
	}
	return e, err
}

// Run erases a person. What it would be is asked for first, in any case.
func (c eraseCmd) Run(s streams) error {
	plan, err := c.ask(true, 0)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.show(s, plan)
	}
	if !c.Yes {
		if err := c.sure(s, plan); err != nil {
			return err
		}
	} else if plan.People > 1 && c.Confirm != plan.Found {
		if err := table(s.err, plan.Confirmations); err != nil {
			return err
		}
		return fmt.Errorf("nothing was erased: %s: if all of them must go, say so with --confirm %d", plan.several(), plan.Found)
	}
	confirm := 0
	if plan.People > 1 {
		confirm = plan.Found
	}
	e, err := c.ask(false, confirm)
	if err != nil {
		return err
	}
	if c.Wait && !e.Done {
		if err := c.wait(s, &e.scrubbed); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeIndented(s, e)
	}
	if e.Erased == 0 {
		_, err = fmt.Fprintln(s.out, "Nothing is kept of this person, so that nothing was erased.")
		return err
	}
	_, err = fmt.Fprintf(s.out, "Erased: %s. The trail stays, and holds nothing of hers. Backups keep what they have: erase there again after restoring one.\n",
		count(float64(e.Erased), "confirmation"))
	if err == nil && !e.Done {
		_, err = fmt.Fprintf(s.out, "Still to do: %s\n", e.Remaining)
	}
	return err
}

func (e erasure) several() string {
	return fmt.Sprintf("%s name this address or number, and they are of %d people", count(float64(e.Found), "confirmation"), e.People)
}

func (c eraseCmd) show(s streams, plan erasure) error {
	if c.JSON {
		return writeIndented(s, plan)
	}
	if plan.Found == 0 {
		_, err := fmt.Fprintln(s.out, "Nothing is kept of this person.")
		return err
	}
	if err := table(s.out, plan.Confirmations); err != nil {
		return err
	}
	more := ""
	if n := plan.Found - len(plan.Confirmations); n > 0 {
		more = fmt.Sprintf(" (%d more are not shown)", n)
	}
	if plan.People > 1 {
		more += fmt.Sprintf(". They are of %d people, so that erasing them needs --confirm %d", plan.People, plan.Found)
	}
	_, err := fmt.Fprintf(s.out, "Would be erased: %s%s. Nothing was.\n", count(float64(plan.Found), "confirmation"), more)
	return err
}

// sure shows what is about to go, and asks.
func (c eraseCmd) sure(s streams, plan erasure) error {
	if len(plan.Confirmations) > 0 {
		if err := table(s.err, plan.Confirmations); err != nil {
			return err
		}
	}
	in := bufio.NewReader(s.in)
	_, _ = fmt.Fprintf(s.err, "Erasing destroys every order, message and reply of %s at tenant %s for good: %s.\nType the address again to do it: ",
		c.Address, c.Tenant, count(float64(plan.Found), "confirmation"))
	line, _ := in.ReadString('\n') // the end of input is no answer
	if strings.TrimSpace(line) != strings.TrimSpace(c.Address) {
		return errors.New("nothing was erased (--yes does not ask)")
	}
	if plan.People <= 1 || c.Confirm == plan.Found {
		return nil
	}
	_, _ = fmt.Fprintf(s.err, "%s. Type %d to erase all of them: ", plan.several(), plan.Found)
	line, _ = in.ReadString('\n')
	if strings.TrimSpace(line) != strconv.Itoa(plan.Found) {
		return fmt.Errorf("nothing was erased: %s", plan.several())
	}
	return nil
}

// wait asks until the files are clean, or until it is interrupted.
func (c eraseCmd) wait(s streams, v *scrubbed) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	_, _ = fmt.Fprintf(s.err, "Erased. Waiting: %s\n", v.Remaining)
	for !v.Done {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		var now scrubbed
		err := c.Call(http.MethodGet, "/people/erase", "", nil, &now)
		if away := (remote.AwayError{}); err != nil && !errors.As(err, &away) { // else it is being restarted
			return err
		}
		if err == nil {
			*v = now
		}
	}
	return nil
}
