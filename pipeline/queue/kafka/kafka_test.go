package kafka

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

func TestMain(m *testing.M) {
	queuetest.KafkaChild()
	os.Exit(m.Run())
}

func open(t *testing.T, url string, change ...func(*Settings)) *Broker {
	t.Helper()
	s := &Settings{URL: config.Secret(url)}
	config.Fill(s)
	for _, c := range change {
		c(s)
	}
	b, err := s.Open("bus", nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConforms: a group is the topic's, so that the suite's groups are not tried, nor an order of
// partitions that several take from.
func TestConforms(t *testing.T) {
	s := queuetest.Kafka(t)
	queuetest.Conform(t, tests.Features{Persistent: true}, func(string) queue.Broker { return open(t, s.URL) })
}

func TestSurvives(t *testing.T) {
	s := queuetest.Kafka(t)
	queuetest.Survive(t, s, open(t, s.URL))
}

// TestUnsafe: a topic that is there and would lose messages is not used, and the error says what to
// do; nor is a cluster that is not as the file says.
func TestUnsafe(t *testing.T) {
	s := queuetest.Kafka(t)
	b := open(t, s.URL)
	admin, err := sarama.NewClusterAdmin(b.hosts, b.config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	one := "1"
	for _, x := range []struct {
		topic string
		d     sarama.TopicDetail
		want  string
	}{
		{"few", sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1},
			"topic few: it is kept on 1 brokers, and replication is 3: move it with kafka-reassign-partitions.sh, or delete it, so that it is made anew"},
		{"lax", sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 3, ConfigEntries: map[string]*string{"min.insync.replicas": &one}},
			"topic lax: its min.insync.replicas is 1, and min_insync is 2: kafka-configs.sh --alter --topic lax --add-config min.insync.replicas=2"},
	} {
		if err := admin.CreateTopic(x.topic, &x.d, false); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Dial(t.Context(), []string{x.topic}, func(error) {}); err == nil || err.Error() != x.want {
			t.Errorf("got %v, want %s", err, x.want)
		}
	}
	alone := open(t, s.URL, func(s *Settings) { s.OneBroker = true })
	if _, err := alone.Dial(t.Context(), nil, func(error) {}); err == nil || err.Error() != "the cluster has 3 brokers, and one_broker says that it has one: take that line out" {
		t.Errorf("got %v", err)
	}
}

// TestMade: what is made is as the settings say.
func TestMade(t *testing.T) {
	s := queuetest.Kafka(t)
	b := open(t, s.URL, func(s *Settings) { s.Partitions = 5 })
	for range 2 { // made, and found
		l, err := b.Dial(t.Context(), []string{"a"}, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	admin, err := sarama.NewClusterAdmin(b.hosts, b.config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	all, err := admin.ListTopics()
	if err != nil {
		t.Fatal(err)
	}
	got := all["a"]
	if got.NumPartitions != 5 || got.ReplicationFactor != 3 || got.ConfigEntries["min.insync.replicas"] == nil || *got.ConfigEntries["min.insync.replicas"] != "2" ||
		got.ConfigEntries["retention.ms"] == nil || *got.ConfigEntries["retention.ms"] != "86400000" {
		t.Errorf("%+v", got)
	}
}

// TestPassword: what fails says nothing of the password.
func TestPassword(t *testing.T) {
	if _, err := open(t, "kafkas://u:hunter2@127.0.0.1:1").Dial(t.Context(), nil, func(error) {}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// TestLeftToOthers: whoever has no room leaves its partitions to those who have, and takes again when it has.
func TestLeftToOthers(t *testing.T) {
	s := queuetest.Kafka(t)
	b := open(t, s.URL)
	b.keepFor = 100 * time.Millisecond
	const n = 24
	join := func() (queue.Link, <-chan *message.Message) {
		t.Helper()
		l, err := b.Dial(t.Context(), []string{"a"}, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Subscribe(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return l, in
	}
	publish := func(l queue.Link, from int) {
		t.Helper()
		for i := range n {
			if err := l.Publish("a", message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(from+i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	limit := time.After(time.Minute)
	next := func(in <-chan *message.Message) *message.Message {
		t.Helper()
		select {
		case m := <-in:
			return m
		case <-limit:
			t.Fatal("nothing comes")
			return nil
		}
	}
	full, at := join()
	publish(full, 0)
	held := next(at) // of all partitions, and there is no room for it
	free, in := join()
	seen := map[string]bool{}
	for len(seen) < n {
		m := next(in)
		seen[string(m.Payload)] = true
		m.Ack()
	}
	if err := free.Close(); err != nil {
		t.Error(err)
	}
	held.Ack() // there is room by now
	publish(full, n)
	for again := map[string]bool{}; len(again) < n; {
		m := next(at)
		if i, _ := strconv.Atoi(string(m.Payload)); i >= n { // a last one of before may come again
			again[string(m.Payload)] = true
		}
		m.Ack()
	}
	if err := full.Close(); err != nil {
		t.Error(err)
	}
}

// TestReports: what a group says stands in the log, each kind once a minute, and nothing behind its end.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		over := make(chan struct{})
		r := newReporter(slog.New(slog.NewTextHandler(&b, nil)), over)
		told := func(want int) {
			t.Helper()
			if got := strings.Count(b.String(), "level=WARN"); got != want {
				t.Errorf("%d times, want %d: %s", got, want, b.String())
			}
		}
		for range 5 {
			r.Error("Group consume error", errors.New("no coordinator"), watermill.LogFields{"topic": "a"})
			r.Info("Subscribing", nil)
		}
		told(1)
		r.With(nil).Error("Sarama internal error", errors.New("no leader"), nil)
		told(2)
		time.Sleep(reportEvery)
		r.Error("Group consume error", errors.New("no coordinator"), nil)
		told(3)
		close(over)
		r.Error("Cannot close client", errors.New("closed"), nil)
		told(3)
		if !strings.Contains(b.String(), "topic=a") || !strings.Contains(b.String(), "no coordinator") {
			t.Error(b.String())
		}
	})
}
