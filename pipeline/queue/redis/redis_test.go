package redis

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/redis/go-redis/v9"

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

// TestConforms: a group is Waxwing's own, so that the suite's groups are not tried; and what a
// consumer leaves behind comes to another one a minute later at the soonest: shortened here.
func TestConforms(t *testing.T) {
	s := queuetest.Redis(t, false)
	queuetest.Conform(t, tests.Features{Persistent: true, GuaranteedOrderWithSingleSubscriber: true}, func(string) queue.Broker {
		b := open(t, s.URL)
		b.claimIdle = 5 * time.Second
		return b
	})
}

func TestSurvives(t *testing.T) {
	s := queuetest.Redis(t, false)
	queuetest.Survive(t, s, open(t, s.URL))
}

// TestEvicting: a server that would throw streams away is not used, and the error says what to do.
func TestEvicting(t *testing.T) {
	s := queuetest.Redis(t, false)
	o, err := redis.ParseURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close()
	if err := c.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, s.URL).Dial(t.Context(), []string{"a"}, func(error) {})
	if want := "redis evicts streams under its maxmemory-policy allkeys-lru: CONFIG SET maxmemory-policy noeviction"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
