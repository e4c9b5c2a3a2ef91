package pipeline

import "github.com/waxwinghq/waxwing/config"

func queueStage() kind {
	return plain(config.Component{Name: "queue", Place: config.Queueing, Settings: func() config.Block { return &Queue{} },
		Usual: always(func() config.Block { return &Queue{Name: "mail"} })})
}

// Queue is a durable hop between two stages.
type Queue struct {
	// Name is the queue's, in topics and metrics.
	Name string `yaml:"name"`
	// On is the Pub/Sub that carries it.
	On string `yaml:"on,omitempty" enum:"gochannel" default:"gochannel"`
}

// Check looks at the name.
func (q *Queue) Check(r *config.Report) { r.Name("name", q.Name) }

// QueueName is config.Waits'.
func (q *Queue) QueueName() string { return q.Name }
