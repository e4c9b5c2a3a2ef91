package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// witnessEnv names the file of a witness: this binary is then one.
const witnessEnv = "WAXWING_TORTURE_WITNESS"

// A witness is another process that writes a page to the same disk each 20 ms and says
// how long after its time that was done. It shares no code and no lock with the daemon:
// where it too was held up, the machine stood still, and what a round says of
// neighbours is no measure of what a plugin does to them.
type witness struct {
	mu    sync.Mutex
	worst time.Duration
	again int           // rounds that took place again
	spent time.Duration // what the disturbed ones took
}

const (
	witnessEach = 20 * time.Millisecond
	// stoodStill is from when on a round counts as disturbed: two or three of a
	// round's mails are late then, which is all that a p99 of 120 looks at.
	stoodStill = 25 * time.Millisecond
	// mostDisturbed is how many disturbed rounds are repeated before one is taken as it is:
	// an attack that holds up the whole machine shall not hide behind this.
	mostDisturbed = 4
	// mostAgain is how long all repeated rounds of a test may take, so that it ends in its
	// time on any machine. What is disturbed after that is taken as it is.
	mostAgain = 75 * time.Second
)

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), witnessEnv+"="+t.TempDir()+"/page")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	read.Go(func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			us, _ := strconv.Atoi(lines.Text())
			w.mu.Lock()
			w.worst = max(w.worst, time.Duration(us)*time.Microsecond)
			w.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = c.Process.Kill()
		read.Wait()
		_ = c.Wait()
	})
	return w
}

// disturbed says whether the machine stood still since the last call of forget.
func (w *witness) disturbed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.worst >= stoodStill
}

func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worst = 0
}

// undisturbed has a round take place until the machine did not stand still in it. The round
// looks at void now and then, and ends where it says so: nothing that it saw will count.
func (w *witness) undisturbed(round func(void func() bool)) {
	for times := 1; ; times++ {
		w.forget()
		void, began := w.disturbed, time.Now()
		if times > mostDisturbed || w.spent > mostAgain {
			void = func() bool { return false }
		}
		if round(void); !void() {
			return
		}
		w.again++
		w.spent += time.Since(began)
	}
}

// says is a line on the rounds that did not count.
func (w *witness) says() string {
	return fmt.Sprintf("%d rounds took place again, since the machine stood still in them: %s", w.again, w.spent.Round(time.Second))
}

// witnessChild writes until it is killed.
func witnessChild(name string) int {
	f, err := os.Create(name)
	if err != nil {
		return 1
	}
	page := make([]byte, 4096)
	tick := time.NewTicker(witnessEach)
	defer tick.Stop()
	for due := time.Now().Add(witnessEach); ; {
		<-tick.C
		page[0]++
		if _, err = f.WriteAt(page, 0); err == nil {
			err = f.Sync()
		}
		took := time.Since(due)
		if _, e := fmt.Println(took.Microseconds()); err != nil || e != nil {
			return 1
		}
		if due = due.Add(witnessEach); took > witnessEach { // ticks were dropped meanwhile
			due = time.Now().Add(witnessEach)
		}
	}
}
