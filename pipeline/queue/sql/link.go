package sql

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// link is the adapter's publisher, and its subscribers, several for each topic.
type link struct {
	db     *sql.DB
	begin  wsql.Beginner
	schema schema
	poll   time.Duration
	most   int64
	failed func(error)
	pub    *wsql.Publisher
	ctx    context.Context
	cancel context.CancelFunc

	mu   sync.RWMutex // read by who publishes, so that Close waits
	over bool
	subs sync.WaitGroup
}

func newLink(db *sql.DB, b *Broker, failed func(error)) (queue.Link, error) {
	l := &link{db: db, begin: wsql.BeginnerFromStdSQL(db), schema: b.schema, poll: b.poll, most: b.most, failed: failed}
	pub, err := wsql.NewPublisher(l.begin, wsql.PublisherConfig{SchemaAdapter: b.schema}, queue.Logger())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.pub = pub
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

var errOver = errors.New("the link is over")

// Publish is queue.Link's. Each message is a statement, and committed when that answers.
func (l *link) Publish(topic string, messages ...*message.Message) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.over {
		return errOver
	}
	for _, m := range messages {
		if err := l.pub.Publish(topic, m); err != nil {
			return err
		}
	}
	return nil
}

// Full is queue.Bounded's.
func (l *link) Full(ctx context.Context, topic string) (bool, error) {
	var n int64
	err := l.db.QueryRowContext(ctx, l.schema.count, topic, l.most).Scan(&n)
	return n >= l.most, err
}

// Subscribe is queue.Link's. The adapter takes one message after the other, each in a transaction:
// several do so beside each other.
func (l *link) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, errOver
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel) // the adapter's Close ends no query
	out := make(chan *message.Message)
	var readers sync.WaitGroup
	for i := range reading {
		p := pace{l.poll, l.failed}
		if i > 0 { // the first looks often; the others come where there is more than it can take
			p.idle = time.Second
		}
		sub, err := wsql.NewSubscriber(l.begin, wsql.SubscriberConfig{SchemaAdapter: l.schema, OffsetsAdapter: offsets{l.schema}, BackoffManager: p, ResendInterval: resendAfter}, queue.Logger())
		var in <-chan *message.Message
		if err == nil {
			in, err = sub.Subscribe(ctx, topic)
		}
		if err != nil {
			cancel()
			return nil, err
		}
		readers.Go(func() {
			for m := range in {
				select {
				case out <- m:
				case <-ctx.Done(): // it stays in the table
				}
			}
		})
	}
	l.subs.Go(func() {
		readers.Wait()
		stop()
		cancel()
		close(out)
	})
	return out, nil
}

// resendAfter is how soon a message comes again that was not wanted. The adapter sleeps as long.
const resendAfter = 50 * time.Millisecond

// Close is queue.Link's.
func (l *link) Close() error {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	l.over = true
	l.subs.Wait()
	return errors.Join(l.pub.Close(), l.db.Close())
}

// pace says how soon a reader asks again.
type pace struct {
	idle   time.Duration
	failed func(error)
}

// HandleError is the adapter's. At an error the link is over, and the relay begins anew: unless only
// another's transaction was in the way.
func (p pace) HandleError(_ watermill.LoggerAdapter, none bool, err error) time.Duration {
	switch {
	case err != nil && again(err):
		return time.Millisecond
	case err != nil:
		p.failed(err)
		return time.Second
	case none:
		return p.idle
	}
	return 0
}
