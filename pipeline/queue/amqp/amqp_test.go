package amqp

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	amqp091 "github.com/rabbitmq/amqp091-go"

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
	s := queuetest.RabbitMQ(t)
	queuetest.Conform(t, tests.Features{Persistent: true}, func(string) queue.Broker { return open(t, s.URL) })
}

func TestSurvives(t *testing.T) {
	s := queuetest.RabbitMQ(t)
	queuetest.Survive(t, s, open(t, s.URL))
}

// TestNotDurable: a queue that is there and would not outlast a restart is not used, and neither is
// an address that does not answer; the error has no password in it.
func TestNotDurable(t *testing.T) {
	s := queuetest.RabbitMQ(t)
	c, err := amqp091.Dial(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ch, err := c.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("a", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err = open(t, s.URL).Dial(t.Context(), []string{"a"}, func(error) {}); err == nil || !strings.Contains(err.Error(), "inequivalent arg 'durable'") {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{"amqp://u:hunter2@127.0.0.1:1/", strings.Replace(s.URL, "guest:guest", "guest:hunter2", 1)} {
		if _, err = open(t, url).Dial(t.Context(), []string{"a"}, func(error) {}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

// TestFull: a queue that nobody takes from has a bound.
func TestFull(t *testing.T) {
	b := open(t, queuetest.RabbitMQ(t).URL)
	b.most = 5
	queuetest.Fills(t, b)
}
