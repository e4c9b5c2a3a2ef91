// Package toycar carries messages as far as this process.
package toycar

import (
	"context"
	"log/slog"
	"os"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "toy", Settings: func() config.Block { return &Settings{} }, Example: "type: toy"}
}

// Settings are the keys of a broker that has none.
type Settings struct{}

// Check finds nothing.
func (*Settings) Check(*config.Report) {}

// Open makes the broker.
func (s *Settings) Open(string, *slog.Logger) (*Settings, error) { return s, nil }

// Dial gives a link.
func (*Settings) Dial(context.Context, []string, func(error)) (queue.Link, error) {
	return link{gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 9}, queue.Logger())}, nil
}

type link struct{ *gochannel.GoChannel }

// Publish leaves a file, for whoever asks whether a message came along here.
func (l link) Publish(topic string, m ...*message.Message) error {
	_ = os.WriteFile("carried", m[0].Payload, 0o600)
	return l.GoChannel.Publish(topic, m...)
}
