package broker

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
)

// Largest is how many bytes an event may have that is taken as it is: what the webhooks' listener takes unless it
// is told otherwise. A larger one could keep the ledger from answering in time, again and again.
const Largest = 8 << 20

// longestTopic is what is kept of a topic, in bytes.
const longestTopic = 256

// Message is what a broker, or a table, brings.
type Message struct {
	Body []byte
	// ContentType is the body's, where the broker has a place of its own for it.
	ContentType string
	// Topic is what the broker itself says that the message is about; "" where it has no such thing.
	Topic string
	// Headers go with it, under their names in small letters.
	Headers map[string]string
	// Where says to a person which message it was: it is the same each time that it comes.
	Where string
}

// Route says whose events a source brings.
type Route struct {
	Tenant waxwing.TenantID
	Shop   waxwing.ShopID
}

// Events reads a message: a CloudEvent in either mode, several in a batch, or a body that is an event as it is. There
// is always one at least: what cannot be read is for the shop's format to refuse, so that a person finds it.
func (m *Message) Events(to Route) []source.Event {
	one := func(topic string, raw []byte) source.Event {
		raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
		switch {
		case len(bytes.TrimSpace(raw)) == 0:
			raw = m.refused("it is empty", m.Body)
		case len(raw) > Largest:
			raw = m.refused(fmt.Sprintf("it is larger than %d MiB", Largest>>20), raw)
		}
		return source.Event{Tenant: to.Tenant, Shop: to.Shop, Topic: clip(topic), Raw: raw}
	}
	if len(m.Body) > Largest { // it is not even read
		return []source.Event{one(m.topic(), m.Body)}
	}
	if topic := m.attribute("type"); m.attribute("specversion") != "" && topic != "" && m.attribute("id") != "" && m.attribute("source") != "" {
		return []source.Event{one(topic, m.Body)}
	}
	kind, _, _ := strings.Cut(m.contentType(), ";")
	if strings.EqualFold(strings.TrimSpace(kind), "application/cloudevents-batch+json") {
		var list []json.RawMessage
		if json.Unmarshal(m.Body, &list) == nil && len(list) > 0 {
			out := make([]source.Event, len(list))
			for i, e := range list {
				topic, raw, ok := structured(e)
				if !ok {
					topic, raw = m.topic(), e
				}
				out[i] = one(topic, raw)
			}
			return out
		}
	}
	if topic, raw, ok := structured(m.Body); ok {
		return []source.Event{one(topic, raw)}
	}
	return []source.Event{one(m.topic(), m.Body)}
}

// refused is what stands for a message that cannot be kept as it is. No format reads an order in it.
func (m *Message) refused(why string, body []byte) []byte {
	sum := sha256.Sum256(body)
	type refusal struct {
		Why    string `json:"why"`
		Where  string `json:"where"`
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	}
	raw, _ := json.Marshal(map[string]refusal{waxwing.RefusedKey: {why, strings.ToValidUTF8(m.Where, "?"), len(body), hex.EncodeToString(sum[:])}}) // text and a number
	return raw
}

// attributePrefixes are how the bindings of CloudEvents to protocols write an attribute's name: HTTP's, which NATS has
// too, Kafka's, and both of AMQP's.
var attributePrefixes = []string{"ce-", "ce_", "cloudevents:", "cloudevents_"}

// attribute is one of a CloudEvent in binary mode; "" where there is none.
func (m *Message) attribute(name string) string {
	for _, p := range attributePrefixes {
		if v := m.Headers[p+name]; v != "" {
			return v
		}
	}
	return ""
}

func (m *Message) contentType() string {
	for _, v := range []string{m.ContentType, m.Headers["content-type"], m.Headers["content_type"], m.Headers["contenttype"]} {
		if v != "" {
			return v
		}
	}
	return ""
}

// topicHeaders are where publishers say what a message is about, where it is no CloudEvent.
var topicHeaders = []string{"topic", "x-topic", "x-shopify-topic", "x-wc-webhook-topic", "event-type", "event_type", "type"}

func (m *Message) topic() string {
	for _, name := range topicHeaders {
		if v := m.Headers[name]; v != "" {
			return v
		}
	}
	return m.Topic
}

// structured reads a CloudEvent that is one JSON object. One without data is an event as it stands.
func structured(body []byte) (topic string, raw []byte, ok bool) {
	if b := bytes.TrimLeft(body, " \t\r\n"); len(b) == 0 || b[0] != '{' {
		return "", nil, false
	}
	var e map[string]json.RawMessage // and no struct, which would take names in other letters
	if json.Unmarshal(body, &e) != nil {
		return "", nil, false
	}
	text := func(name string) (s string) {
		if json.Unmarshal(e[name], &s) != nil {
			return ""
		}
		return s
	}
	topic = text("type")
	if text("specversion") == "" || topic == "" || text("id") == "" || text("source") == "" {
		return "", nil, false
	}
	data := bytes.TrimSpace(e["data"])
	if coded := text("data_base64"); coded != "" {
		if plain, err := base64.StdEncoding.DecodeString(coded); err == nil {
			return topic, plain, true
		}
		return topic, body, true
	}
	switch {
	case len(data) == 0 || string(data) == "null":
		return topic, body, true
	case data[0] == '"': // text of another type, or JSON that was made text
		return topic, []byte(text("data")), true
	}
	return topic, data, true
}

// clip is a topic as it may be kept: text, and of no great length.
func clip(s string) string {
	if len(s) > longestTopic {
		s = s[:longestTopic]
	}
	return strings.ToValidUTF8(s, "")
}

// Lower gives headers their names in small letters.
func Lower(headers map[string]string) map[string]string {
	out := make(map[string]string, len(headers))
	for k, v := range headers {
		out[strings.ToLower(k)] = v
	}
	return out
}
