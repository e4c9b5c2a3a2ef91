// Package sqs carries a queue's messages over queues of Amazon SQS, from which each is deleted when
// it is acknowledged.
package sqs

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "sqs", Settings: func() config.Block { return &Settings{} }, Example: "type: sqs\nregion: eu-central-1",
		Notes: "Standard queues, `waxwing-...`, which are made where they are missing, encrypted at rest by SQS. The user must be allowed `sqs:GetQueueUrl`, `sqs:GetQueueAttributes`, `sqs:SendMessage`, `sqs:ReceiveMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility`, and `sqs:CreateQueue` where they are missing, on `arn:aws:sqs:*:*:waxwing-*`; of a queue with a key of KMS also `kms:GenerateDataKey` and `kms:Decrypt`. A queue is not used, and the log says so, whose `maxReceiveCount` is below 10, whose `MessageRetentionPeriod` is below an hour, whose `MaximumMessageSize` is below 256 KiB, or that has a `DelaySeconds`. FIFO queues are not used: nothing needs an order, and the ledger tells what comes twice."}
}

// Settings are the keys of an account at Amazon SQS, whose queues carry ours.
type Settings struct {
	// Region is where the queues are: eu-central-1. Without it AWS_REGION or the profile of the environment says so.
	Region string `yaml:"region,omitempty"`
	// Endpoint is another address than AWS's own: https://vpce-....sqs.eu-central-1.vpce.amazonaws.com, or that of something else which speaks as SQS does.
	Endpoint config.Secret `yaml:"endpoint,omitempty"`
	// AccessKey is the id of an access key, with its secret_key. Without both AWS's usual chain gives one: the environment, a profile, a web identity, the role of a task or machine.
	AccessKey config.Secret `yaml:"access_key,omitempty"`
	// SecretKey is the secret of access_key.
	SecretKey config.Secret `yaml:"secret_key,omitempty"`
	// Visibility is how long what a daemon has taken stays out of others' sight when it says nothing more; while it has it in hand it says so each third of that. After it, others get what a killed daemon had.
	Visibility config.Duration `yaml:"visibility,omitempty" default:"30s" min:"10s" max:"12h"`
	// Retention is how long queues that are made keep what nobody takes.
	Retention config.Duration `yaml:"retention,omitempty" default:"1d" min:"1h" max:"14d"`
}

// Check reports an address that is none, and half a key.
func (s *Settings) Check(r *config.Report) {
	if u, err := url.Parse(s.Endpoint.Reveal()); !r.Bad("endpoint") && s.Endpoint != "" && (err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http") {
		r.Fail("endpoint", r.Path("endpoint")+" is no address of SQS", "Take the line out for AWS's own, or write https://host; the key stands in access_key and secret_key")
	}
	if r.Bad("access_key") || r.Bad("secret_key") {
		return
	}
	switch {
	case s.AccessKey != "" && s.SecretKey == "":
		r.Fail("access_key", r.Path("access_key")+" is half a key", "Write secret_key beside it, as \"${VAR}\" or \"file:/path\", or take it out")
	case s.AccessKey == "" && s.SecretKey != "":
		r.Fail("secret_key", r.Path("secret_key")+" is half a key", "Write access_key beside it, or take it out")
	}
}

const (
	// dialFor and callFor bound a connection's beginning and an answer that need not wait for messages.
	dialFor, callFor = 2 * time.Second, 3 * time.Second
	// attempts is how often a request is made: a connection that was idle may be gone. The relay does the rest.
	attempts, restFor = 3, 200 * time.Millisecond
)

// Open makes the broker; it connects in Dial.
func (s *Settings) Open(string, *slog.Logger) (*Broker, error) {
	c, err := s.Client()
	if err != nil {
		return nil, err
	}
	return &Broker{Settings: *s, client: c}, nil
}

// Client is one for the account that Region, Endpoint and the key name; nothing else of the settings counts for it.
func (s *Settings) Client() (*api.Client, error) {
	transport := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout, d.KeepAlive = dialFor, 5*time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout, t.IdleConnTimeout = dialFor, 30*time.Second
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 100, 100
		})
	with := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(transport),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, restFor })
		}),
	}
	if s.Region != "" {
		with = append(with, awsconfig.WithRegion(s.Region))
	}
	if s.AccessKey != "" {
		with = append(with, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(s.AccessKey.Reveal(), s.SecretKey.Reveal(), "")))
	}
	c, err := awsconfig.LoadDefaultConfig(context.Background(), with...) // it reads the environment and files, and asks nobody
	if err != nil {
		return nil, err
	}
	if c.Region == "" {
		return nil, errors.New("it has no region, and neither AWS_REGION nor a profile names one: write region")
	}
	return api.NewFromConfig(c, func(o *api.Options) {
		if s.Endpoint != "" {
			o.BaseEndpoint = aws.String(s.Endpoint.Reveal())
		}
	}), nil
}

// Broker is an account at SQS, in one region.
type Broker struct {
	Settings
	client *api.Client
}

// Dial is queue.Broker's.
func (b *Broker) Dial(ctx context.Context, topics []string, failed func(error)) (queue.Link, error) {
	if len(topics) == 0 { // whether somebody answers
		_, err := b.find(ctx, "waxwing-check")
		if err != nil && !errors.Is(err, errNone) {
			return nil, err
		}
	}
	queues := map[string]string{}
	for _, topic := range topics {
		at, err := b.prepare(ctx, Name(topic))
		if err != nil {
			return nil, err
		}
		queues[topic] = at
	}
	return NewLink(b.client, queues, b.Visibility.D(), failed), nil
}
