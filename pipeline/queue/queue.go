// Package queue is the seam for brokers that carry a queue's messages between daemons. A message
// is an id, with the sealed content perhaps: a hint. The ledger is the truth, so that a message
// which is lost, late, repeated or forged does no harm, and a broker that is away delays nothing.
package queue

import (
	"context"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Broker is one broker as it is configured. It is safe for concurrent use.
type Broker interface {
	// Dial connects, and sees to it that the broker keeps each topic's messages until somebody
	// takes them. It gives up when ctx ends. The link calls failed, once or often, when it is of
	// no more use; it does not connect again by itself.
	Dial(ctx context.Context, topics []string, failed func(error)) (Link, error)
}

// Link is one connection to a broker. A message that Publish gave nil for is kept by the broker,
// as far as that promises anything; Subscribe's messages are the broker's until they are
// acknowledged. Close ends it at once, whatever the broker does, and closes what Subscribe gave.
type Link interface {
	message.Publisher
	message.Subscriber
}

// Bounded is a link to a broker that would keep whatever it is given. While it is full a Relay hands over in this
// process, and what finds no room there waits in the ledger.
type Bounded interface {
	// Full says whether the broker has as many messages of a topic as it is to have at most. With an
	// error the link is of no more use. It is asked by one goroutine.
	Full(ctx context.Context, topic string) (bool, error)
}

// Logger drops what Watermill and its adapters say: a Relay tells of a broker that goes and comes,
// once and not at each attempt.
func Logger() watermill.LoggerAdapter { return watermill.NopLogger{} }
