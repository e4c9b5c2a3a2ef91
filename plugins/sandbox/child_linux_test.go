package sandbox

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestChildGivesWayWithEachThread: a thread that kept the usual priority would take a processor from orders for as long as a
// bomb takes.
func TestChildGivesWayWithEachThread(t *testing.T) {
	cmd := exec.Command(os.Args[0], t.TempDir())
	cmd.Env = []string{childMark + "=" + childCheck, childTime + "=10"}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	// A message of a MiB, of which more is written than a pipe holds: when that is done, the child reads.
	if _, err := in.Write(append([]byte{0xfd, 0x10, 0, 0}, make([]byte, 300<<10)...)); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "task", "*", "stat"))
	if err != nil || len(found) < 2 {
		t.Errorf("%d threads: %v", len(found), err)
	}
	for _, file := range found {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := bytes.Cut(b, []byte(") "))
		if f := bytes.Fields(rest); len(f) < 17 || string(f[16]) != "19" {
			t.Errorf("%s has the priority %s", file, f[16])
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("half a message was taken")
	}
}
