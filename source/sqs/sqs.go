// Package sqs reads events from a queue of Amazon SQS that is the shop's.
package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/sqs"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/broker"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "sqs", Settings: func() config.Block { return &Settings{} },
		Example: "type: sqs\nqueue: https://sqs.eu-central-1.amazonaws.com/123456789012/orders\nregion: eu-central-1\ntenant: acme\nshop: web",
		Notes:   "Standard and FIFO queues, also such as SNS or EventBridge write to, whose wrapping is taken off. The user must be allowed `sqs:ReceiveMessage`, `sqs:DeleteMessage` and `sqs:ChangeMessageVisibility` on the queue, `sqs:GetQueueUrl` where it is given by name, and `sqs:GetQueueAttributes` for how many messages wait. Of a RedrivePolicy `maxReceiveCount` should be 10 or more: what daemons that were killed had in hand goes to the dead-letter queue otherwise."}
}

// Settings are the keys of a queue at Amazon SQS.
type Settings struct {
	// Queue is the queue's address (https://sqs.eu-central-1.amazonaws.com/123456789012/orders) or its name. What else reads it takes events away from Waxwing.
	Queue string `yaml:"queue" want:"the queue's address or name"`
	// Region is where the queue is: eu-central-1. Without it AWS_REGION or the profile of the environment says so.
	Region string `yaml:"region,omitempty"`
	// Endpoint is another address than AWS's own: https://vpce-....sqs.eu-central-1.vpce.amazonaws.com, or that of something else which speaks as SQS does.
	Endpoint config.Secret `yaml:"endpoint,omitempty"`
	// AccessKey is the id of an access key, with its secret_key. Without both AWS's usual chain gives one: the environment, a profile, a web identity, the role of a task or machine.
	AccessKey config.Secret `yaml:"access_key,omitempty"`
	// SecretKey is the secret of access_key.
	SecretKey config.Secret `yaml:"secret_key,omitempty"`
	// Visibility is how long what a daemon has taken stays out of others' sight when it says nothing more; while it has it in hand it says so each third of that.
	Visibility config.Duration `yaml:"visibility,omitempty" default:"30s" min:"10s" max:"12h"`
	// Tenant is whose orders they are.
	Tenant string `yaml:"tenant" want:"the tenant whose orders they are"`
	// Shop is the tenant's shop whose format reads them.
	Shop string `yaml:"shop" want:"the tenant's shop, such as web"`
}

// account is what of the settings names an account.
func (s *Settings) account() *sqs.Settings {
	return &sqs.Settings{Region: s.Region, Endpoint: s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}

// Check reports an address that is none, and half a key.
func (s *Settings) Check(r *config.Report) {
	s.account().Check(r)
	broker.CheckRoute(r, s.Tenant, s.Shop)
}

// Open makes the source; it connects in Run.
func (s *Settings) Open(string, *slog.Logger) (*Source, error) {
	c, err := s.account().Client()
	if err != nil {
		return nil, err
	}
	return &Source{broker.NewWatch(), *s, c}, nil
}

// Source is a queue of the shop's.
type Source struct {
	*broker.Watch
	settings Settings
	client   *api.Client
}

// Run is source.Source's.
func (x *Source) Run(ctx context.Context, accept source.Accept) error {
	return broker.Run(ctx, accept, x.Watch, broker.Options{Route: broker.Route{Tenant: waxwing.TenantID(x.settings.Tenant), Shop: waxwing.ShopID(x.settings.Shop)},
		Keep: x.settings.Visibility.D() / 3}, x.dial)
}

const (
	// most is how many messages a request has.
	most = 10
	// waitFor is how long the service is asked to wait for a message: the longest that it allows.
	waitFor = 20 * time.Second
)

// reader asks a queue.
type reader struct {
	client     *api.Client
	at, name   string
	visibility int32 // seconds
}

func (x *Source) dial(ctx context.Context) (broker.Reader[string], error) {
	return broker.Dialled(ctx, func(ctx context.Context) (broker.Reader[string], error) {
		r := &reader{client: x.client, at: x.settings.Queue, visibility: int32(x.settings.Visibility.D() / time.Second)}
		if !strings.Contains(r.at, "://") {
			got, err := r.client.GetQueueUrl(ctx, &api.GetQueueUrlInput{QueueName: &r.at})
			if err != nil {
				return nil, fmt.Errorf("the queue %s: %w", r.at, err)
			}
			r.at = aws.ToString(got.QueueUrl)
		}
		r.name = r.at[strings.LastIndexByte(r.at, '/')+1:]
		return r, nil
	})
}

// Next is broker.Reader's.
func (r *reader) Next(ctx context.Context) ([]broker.Delivery[string], error) {
	got, err := r.client.ReceiveMessage(ctx, &api.ReceiveMessageInput{QueueUrl: &r.at, MaxNumberOfMessages: most, WaitTimeSeconds: int32(waitFor / time.Second),
		VisibilityTimeout: r.visibility, MessageAttributeNames: []string{"All"}})
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil
		}
		return nil, fmt.Errorf("the queue %s: %w", r.name, err)
	}
	out := make([]broker.Delivery[string], len(got.Messages))
	for i := range got.Messages {
		m := &got.Messages[i]
		h := map[string]string{}
		for k, v := range m.MessageAttributes {
			if v.StringValue != nil {
				h[strings.ToLower(k)] = *v.StringValue
			} else {
				h[strings.ToLower(k)] = string(v.BinaryValue)
			}
		}
		out[i] = broker.Delivery[string]{At: aws.ToString(m.ReceiptHandle), Message: broker.Message{Body: []byte(aws.ToString(m.Body)), Headers: h,
			Where: "queue " + r.name + ", message " + aws.ToString(m.MessageId)}}
		unwrap(&out[i].Message)
	}
	return out, nil
}

// unwrap takes off what SNS and EventBridge put round an event. A message that has none stays as it is.
func unwrap(m *broker.Message) {
	var e struct {
		Type, TopicArn, MessageId, Message *string //nolint:revive // SNS's names
		MessageAttributes                  map[string]struct{ Value string }
	}
	if json.Unmarshal(m.Body, &e) == nil && e.Type != nil && *e.Type == "Notification" && e.TopicArn != nil && e.MessageId != nil && e.Message != nil {
		m.Body = []byte(*e.Message)
		for k, v := range e.MessageAttributes {
			m.Headers[strings.ToLower(k)] = v.Value
		}
		return
	}
	var b map[string]json.RawMessage
	if json.Unmarshal(m.Body, &b) != nil {
		return
	}
	var kind, of string
	if json.Unmarshal(b["detail-type"], &kind) == nil && json.Unmarshal(b["source"], &of) == nil && kind != "" && of != "" && b["account"] != nil && b["detail"] != nil {
		m.Body, m.Topic = b["detail"], kind
	}
}

// Settle is broker.Reader's.
func (r *reader) Settle(ctx context.Context, at []string) error {
	return tens(at, func(part []string) error {
		in := &api.DeleteMessageBatchInput{QueueUrl: &r.at}
		for i, h := range part {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &h})
		}
		got, err := r.client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return err
		}
		return refused(got.Failed) // it comes again
	})
}

// refused is the service's own trouble with some messages. What is the message's, as a receipt that is too old, is no
// trouble: the message comes again.
func refused(failed []types.BatchResultErrorEntry) error {
	for _, f := range failed {
		if !f.SenderFault {
			return fmt.Errorf("SQS refused: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
		}
	}
	return nil
}

// tens does something with ten at a time.
func tens(at []string, do func([]string) error) error {
	var errs []error
	for len(at) > 0 {
		n := min(most, len(at))
		errs = append(errs, do(at[:n]))
		at = at[n:]
	}
	return errors.Join(errs...)
}

// Keep is broker.Reader's.
func (r *reader) Keep(ctx context.Context, at []string) error { return r.hide(ctx, at, r.visibility) }

// hide has messages out of others' sight for so many seconds from now.
func (r *reader) hide(ctx context.Context, at []string, seconds int32) error {
	return tens(at, func(part []string) error {
		in := &api.ChangeMessageVisibilityBatchInput{QueueUrl: &r.at}
		for i, h := range part {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &h, VisibilityTimeout: seconds})
		}
		got, err := r.client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return err
		}
		return refused(got.Failed)
	})
}

// Behind is broker.Reader's. It is about right, as the service says.
func (r *reader) Behind(ctx context.Context) (n int64, err error) {
	got, err := r.client.GetQueueAttributes(ctx, &api.GetQueueAttributesInput{QueueUrl: &r.at, AttributeNames: []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible}})
	if err != nil {
		return -1, nil // the user may not ask; Next is told of what is worse
	}
	for _, v := range got.Attributes {
		k, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return -1, nil
		}
		n += k
	}
	return n, nil
}

// Close is broker.Reader's.
func (r *reader) Close(ctx context.Context, at []string) {
	_ = r.hide(ctx, at, 0) // they come again by themselves, later
}
