// Package kafka carries a queue's messages over topics of Kafka, each with a group of consumers that
// all daemons share.
package kafka

import (
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "kafka", Settings: func() config.Block { return &Settings{} }, Example: "type: kafka\nurl: \"${KAFKA_URL}\"",
		Notes: "Kafka 2.8 or newer. Topics that are missing are made; one that is there on fewer brokers, or that fewer must have, than `replication` and `min_insync` say is not used. The user must be allowed to create, describe, read and write topics `waxwing.*` and to describe their configuration (DESCRIBE_CONFIGS), and to read groups of these names. Users are known by SASL PLAIN, which takes kafkas://; SCRAM and Kerberos are not there."}
}

// Settings are the keys of a Kafka cluster, whose topics carry queues.
type Settings struct {
	// URL names the cluster: kafka://host:9092, or kafkas://user:password@host:9093 over TLS. Several of its brokers stand behind each other, with commas.
	URL config.Secret `yaml:"url"`
	// Partitions is how many daemons take from a topic at once, at most. It counts for topics that are made.
	Partitions int `yaml:"partitions,omitempty" default:"8" min:"1" max:"1000"`
	// Replication is on how many brokers each message is kept.
	Replication int `yaml:"replication,omitempty" default:"3" min:"1" max:"10"`
	// MinInsync is how many of them must have it before the cluster says that it does.
	MinInsync int `yaml:"min_insync,omitempty" default:"2" min:"1" max:"10"`
	// OneBroker says that the cluster is a single broker: a message is kept on that one alone.
	OneBroker bool `yaml:"one_broker,omitempty"`
	// Acks is who must have a message before it counts as published. It cannot be others than all
	// of min_insync.
	Acks string `yaml:"acks,omitempty" enum:"all,leader,none" default:"all"`
	// Initial is where daemons begin that are the first to take from a topic. It cannot be the newest
	// message: what came before would never be taken.
	Initial string `yaml:"initial,omitempty" enum:"oldest,newest" default:"oldest"`
}

// Check reports what is no Kafka, and settings that lose messages.
func (s *Settings) Check(r *config.Report) {
	CheckURL(r, "url", s.URL)
	if s.Acks != "all" && !r.Bad("acks") {
		r.Fail("acks", r.Path("acks")+" is "+s.Acks+": what one broker has, or none, is lost with it, and nobody is told", "Take the line out: all that must have a message are waited for")
	}
	if s.Initial == "newest" && !r.Bad("initial") {
		r.Fail("initial", r.Path("initial")+" is newest: what came before the first daemon listened would never be taken", "Take the line out: the first begins with the oldest")
	}
	switch {
	case r.Bad("replication") || r.Bad("min_insync") || r.Bad("one_broker"):
	case s.OneBroker:
		for _, key := range []string{"replication", "min_insync"} {
			if r.Given(key) {
				r.Fail(key, r.Path(key)+" says on how many brokers a message is, and one_broker that there is one", "Take one of the two lines out")
			}
		}
	case s.Replication < 2:
		r.Fail("replication", r.Path("replication")+" is 1: a message would be lost with its broker", "Write 3, or one_broker: true where the cluster is a single broker")
	case s.MinInsync < 2:
		r.Fail("min_insync", r.Path("min_insync")+" is 1: a message that one broker has counts as published, and is lost with it", "Write 2, or one_broker: true where the cluster is a single broker")
	case s.MinInsync > s.Replication:
		r.Fail("min_insync", r.Path("min_insync")+" is more than replication: nothing could be published", "Write 2, with replication: 3")
	}
}

// CheckURL reports an address of a Kafka cluster that is none, or would have a password sent in plain text.
func CheckURL(r *config.Report, key string, address config.Secret) {
	first, _, _ := strings.Cut(address.Reveal(), ",")
	queue.CheckURL(r, key, config.Secret(first), "kafka", "kafkas")
	if r.Bad(key) || address == "" {
		return
	}
	a, err := Parse(address)
	switch {
	case err != nil:
		r.Fail(key, r.Path(key)+" is no address of a Kafka cluster", "Write kafka://host:9092,host:9092")
	case a.User != "" && !a.TLS:
		r.Fail(key, r.Path(key)+" would have a password sent to Kafka in plain text", "Write kafkas://user:password@host:9093")
	}
}

// Address is what a URL names.
type Address struct {
	// Hosts have a port each.
	Hosts          []string
	User, Password string
	TLS            bool
}

// Parse reads a URL with one host or more. Its error holds nothing of it.
func Parse(s config.Secret) (a Address, err error) {
	first, rest, _ := strings.Cut(s.Reveal(), ",")
	u, err := url.Parse(first)
	if err != nil || u.Scheme != "kafka" && u.Scheme != "kafkas" {
		return a, errors.New("url is no address of a Kafka cluster") // the error has the password in it
	}
	a.TLS, a.User = u.Scheme == "kafkas", u.User.Username()
	a.Password, _ = u.User.Password()
	for _, h := range append([]string{u.Host}, strings.FieldsFunc(rest, func(r rune) bool { return r == ',' })...) {
		if !strings.Contains(h, ":") {
			h += ":9092"
		}
		if name, port, err := net.SplitHostPort(h); err != nil || name == "" || port == "" {
			return a, errors.New("url is no address of a Kafka cluster")
		}
		a.Hosts = append(a.Hosts, h)
	}
	return a, nil
}

// Open makes the broker; it connects in Dial.
func (s *Settings) Open(_ string, log *slog.Logger) (*Broker, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if s.Acks != "all" || s.Initial != "oldest" {
		return nil, errors.New("acks is all and initial is oldest")
	}
	a, err := Parse(s.URL)
	if err != nil {
		return nil, err
	}
	b := &Broker{Settings: *s, hosts: a.Hosts, config: client(a), log: log, keepFor: keepFor}
	if s.OneBroker {
		b.Replication, b.MinInsync = 1, 1
	}
	return b, b.config.Validate()
}

const (
	dialFor = 3 * time.Second
	// sessionFor is how long a daemon that was killed keeps its partitions from others: the least that Kafka allows by itself.
	sessionFor = 6 * time.Second
	// answerFor is above the time that a group may take to agree.
	agreeFor, answerFor = 7 * time.Second, 9 * time.Second
	// keepFor is how long a daemon without room keeps its partitions.
	keepFor = 5 * time.Second
	// A topic forgets what is older, and the sweeper finds what it stood for.
	maxAge = 24 * time.Hour
)

// client is sarama's settings, as they are safe. It tries little by itself: the relay connects anew.
func client(a Address) *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID, c.Version = "waxwing", sarama.V2_8_0_0
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = dialFor, answerFor, dialFor
	c.Net.TLS.Enable = a.TLS
	if a.User != "" {
		c.Net.SASL.Enable, c.Net.SASL.User, c.Net.SASL.Password = true, a.User, a.Password
	}
	c.Metadata.Retry.Max, c.Metadata.Retry.Backoff, c.Metadata.Timeout = 2, 100*time.Millisecond, dialFor
	c.Metadata.AllowAutoTopicCreation = false // a topic that somebody deleted would come back with the broker's careless defaults
	c.Producer.RequiredAcks, c.Producer.Idempotent, c.Net.MaxOpenRequests = sarama.WaitForAll, true, 1
	c.Producer.Timeout, c.Producer.Return.Successes = dialFor, true
	c.Producer.Retry.Max, c.Producer.Retry.Backoff = 2, 100*time.Millisecond
	c.Consumer.Return.Errors, c.Consumer.Offsets.Initial = true, sarama.OffsetOldest
	// What was acknowledged, and nothing else, is written down each second: a daemon that is killed has a second's
	// messages come again, which costs nothing; each at once would be an answer of the cluster for each.
	c.Consumer.Offsets.AutoCommit.Enable, c.Consumer.Offsets.AutoCommit.Interval = true, time.Second
	c.Consumer.Group.Session.Timeout, c.Consumer.Group.Heartbeat.Interval, c.Consumer.Group.Rebalance.Timeout = sessionFor, sessionFor/4, agreeFor
	c.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	c.Consumer.MaxWaitTime = 250 * time.Millisecond
	return c
}
