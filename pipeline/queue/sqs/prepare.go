package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// longestName is what SQS allows.
	longestName = 80
	// What a queue must be, at the least. A message counts as received again only where a daemon was
	// killed with it, or its link broke: ten in a row are nobody's fault of the message.
	leastReceives  = 10
	leastRetention = time.Hour
)

// Name is a topic as a queue may be called.
func Name(topic string) string { return strings.ReplaceAll(topic, ".", "-") }

var errNone = errors.New("there is no such queue")

// find gives a queue's address, or errNone.
func (b *Broker) find(ctx context.Context, name string) (string, error) {
	got, err := b.client.GetQueueUrl(ctx, &api.GetQueueUrlInput{QueueName: &name})
	if none := new(types.QueueDoesNotExist); errors.As(err, &none) {
		return "", errNone
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(got.QueueUrl), nil
}

// prepare makes a queue where it is missing, or says why one that is there would lose messages.
func (b *Broker) prepare(ctx context.Context, name string) (at string, err error) {
	if len(name) > longestName {
		return "", fmt.Errorf("a queue of SQS cannot be called %s: it has %d letters of at most %d; name the queue shorter", name, len(name), longestName)
	}
	at, err = b.find(ctx, name)
	if errors.Is(err, errNone) {
		at, err = b.create(ctx, name)
	}
	if err != nil {
		return "", fmt.Errorf("queue %s: %w", name, err)
	}
	got, err := b.client.GetQueueAttributes(ctx, &api.GetQueueAttributesInput{QueueUrl: &at, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err == nil {
		err = safe(got.Attributes)
	}
	if err != nil {
		return "", fmt.Errorf("queue %s: %w", name, err)
	}
	return at, nil
}

func (b *Broker) create(ctx context.Context, name string) (string, error) {
	made, err := b.client.CreateQueue(ctx, &api.CreateQueueInput{QueueName: &name, Attributes: map[string]string{
		string(types.QueueAttributeNameMessageRetentionPeriod): strconv.Itoa(int(b.Retention.D().Seconds())),
		string(types.QueueAttributeNameMaximumMessageSize):     strconv.Itoa(largest),
		string(types.QueueAttributeNameSqsManagedSseEnabled):   "true",
	}})
	if err != nil {
		return "", fmt.Errorf("there is none, and it cannot be made: %w", err)
	}
	return aws.ToString(made.QueueUrl), nil
}

// safe says why a queue of these attributes would lose messages, or hold them up, and what to do.
// Its VisibilityTimeout does not count: each request says its own. What one does not tell is as
// SQS has it by default.
func safe(attributes map[string]string) error {
	number := func(name types.QueueAttributeName, otherwise int) int {
		n, err := strconv.Atoi(attributes[string(name)])
		if err != nil {
			return otherwise
		}
		return n
	}
	change := func(name types.QueueAttributeName, to int) string {
		return fmt.Sprintf("aws sqs set-queue-attributes --queue-url ... --attributes %s=%d", name, to)
	}
	if n := number(types.QueueAttributeNameMessageRetentionPeriod, int(leastRetention.Seconds())); n < int(leastRetention.Seconds()) {
		return fmt.Errorf("it forgets messages after %d s: %s", n, change(types.QueueAttributeNameMessageRetentionPeriod, 86400))
	}
	if n := number(types.QueueAttributeNameMaximumMessageSize, largest); n < largest {
		return fmt.Errorf("it takes messages of %d bytes at most, and refuses larger ones: %s", n, change(types.QueueAttributeNameMaximumMessageSize, largest))
	}
	if n := number(types.QueueAttributeNameDelaySeconds, 0); n > 0 {
		return fmt.Errorf("it holds each message back for %d s: %s", n, change(types.QueueAttributeNameDelaySeconds, 0))
	}
	if text := attributes[string(types.QueueAttributeNameRedrivePolicy)]; text != "" {
		var policy struct {
			Most json.Number `json:"maxReceiveCount"` // a number, or the text of one
		}
		err := json.Unmarshal([]byte(text), &policy)
		if n, bad := policy.Most.Int64(); err != nil || bad != nil || n < leastReceives {
			return fmt.Errorf("its maxReceiveCount is %s: what daemons that were killed had in hand goes to the dead-letter queue, where nobody looks for it; take its RedrivePolicy out, or write %d or more", policy.Most, leastReceives)
		}
	}
	return nil
}
