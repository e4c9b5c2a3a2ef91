package nats

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

func open(t *testing.T, url string) *Broker {
	t.Helper()
	s := &Settings{URL: config.Secret(url)}
	config.Fill(s)
	b, err := s.Open("bus", nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConforms(t *testing.T) {
	s := queuetest.NATS(t)
	queuetest.Conform(t, tests.Features{Persistent: true}, func(string) queue.Broker { return open(t, s.URL) })
}

func TestSurvives(t *testing.T) {
	s := queuetest.NATS(t)
	queuetest.Survive(t, s, open(t, s.URL))
}

// TestInMemory: a stream that is there and would not outlast a restart is not used.
func TestInMemory(t *testing.T) {
	s := queuetest.NATS(t)
	c, err := nats.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "a", Subjects: []string{"a"}, Storage: jetstream.MemoryStorage, Retention: jetstream.WorkQueuePolicy}); err != nil {
		t.Fatal(err)
	}
	if _, err = open(t, s.URL).Dial(t.Context(), []string{"a"}, func(error) {}); err == nil || !strings.Contains(err.Error(), "storage") {
		t.Errorf("got %v", err)
	}
}
