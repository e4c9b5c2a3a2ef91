package config_test

import (
	"os"
	"testing"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// TestMain gives the tests the program's own components, which package config may not
// know: what it promises of messages, schema and reference is of the whole program.
func TestMain(m *testing.M) {
	config.Components = daemon.Components()
	os.Exit(m.Run())
}

func TestComponentsAreValid(t *testing.T) {
	if err := config.Components.Valid(); err != nil {
		t.Error(err)
	}
}
