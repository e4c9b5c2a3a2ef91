package broker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/shop/generic"
)

var acme = Route{Tenant: "acme", Shop: "web"}

// envelope is a CloudEvent in structured mode.
func envelope(rest string) string {
	return `{"specversion":"1.0","type":"com.acme.order.completed","source":"/shop","id":"A-1",` + rest + `}`
}

func TestEvents(t *testing.T) {
	binary := func(prefix string) map[string]string {
		return map[string]string{prefix + "specversion": "1.0", prefix + "type": "order.completed", prefix + "source": "/shop", prefix + "id": "1", "content-type": "application/json"}
	}
	const order = `{"id":"1"}`
	for name, x := range map[string]struct {
		m    Message
		want string // topics and bodies
	}{
		"as it is":                  {Message{Body: []byte(order)}, "|" + order},
		"topic of a header":         {Message{Body: []byte(order), Headers: map[string]string{"topic": "orders/paid"}, Topic: "other"}, "orders/paid|" + order},
		"topic of Shopify":          {Message{Body: []byte(order), Headers: map[string]string{"x-shopify-topic": "orders/paid"}}, "orders/paid|" + order},
		"topic of the broker":       {Message{Body: []byte(order), Topic: "order.paid"}, "order.paid|" + order},
		"byte order mark":           {Message{Body: []byte("\xef\xbb\xbf" + order)}, "|" + order},
		"binary, HTTP and NATS":     {Message{Body: []byte(order), Headers: binary("ce-")}, "order.completed|" + order},
		"binary, Kafka":             {Message{Body: []byte(order), Headers: binary("ce_")}, "order.completed|" + order},
		"binary, AMQP":              {Message{Body: []byte(order), Headers: binary("cloudevents:")}, "order.completed|" + order},
		"binary, AMQP of JMS":       {Message{Body: []byte(order), Headers: binary("cloudevents_")}, "order.completed|" + order},
		"binary, not JSON":          {Message{Body: []byte("<order/>"), Headers: binary("ce_")}, "order.completed|<order/>"},
		"binary, half":              {Message{Body: []byte(order), Headers: map[string]string{"ce_specversion": "1.0", "ce_type": "order.completed"}}, "|" + order},
		"structured":                {Message{Body: []byte(envelope(`"data":{"id": "1"}`)), ContentType: "application/cloudevents+json; charset=utf-8"}, `com.acme.order.completed|{"id": "1"}`},
		"structured, unnamed":       {Message{Body: []byte(" \n" + envelope(`"data":{"id":"1"}`))}, "com.acme.order.completed|" + order},
		"structured, base64":        {Message{Body: []byte(envelope(`"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(order)) + `"`))}, "com.acme.order.completed|" + order},
		"structured, broken base64": {Message{Body: []byte(envelope(`"data_base64":"?"`))}, "com.acme.order.completed|" + envelope(`"data_base64":"?"`)},
		"structured, text":          {Message{Body: []byte(envelope(`"datacontenttype":"text/xml","data":"<order/>"`))}, "com.acme.order.completed|<order/>"},
		"structured, JSON as text":  {Message{Body: []byte(envelope(`"data":"{\"id\":\"1\"}"`))}, "com.acme.order.completed|" + order},
		"structured, no data":       {Message{Body: []byte(envelope(`"subject":"1"`))}, "com.acme.order.completed|" + envelope(`"subject":"1"`)},
		"structured, null":          {Message{Body: []byte(envelope(`"data":null`))}, "com.acme.order.completed|" + envelope(`"data":null`)},
		"structured, a list":        {Message{Body: []byte(envelope(`"data":[1]`))}, "com.acme.order.completed|[1]"},
		"no source":                 {Message{Body: []byte(`{"specversion":"1.0","type":"t","id":"1","data":{}}`)}, `|{"specversion":"1.0","type":"t","id":"1","data":{}}`},
		"other letters":             {Message{Body: []byte(`{"SpecVersion":"1.0","type":"t","id":"1","source":"s","data":{}}`)}, `|{"SpecVersion":"1.0","type":"t","id":"1","source":"s","data":{}}`},
		"called one, and is none":   {Message{Body: []byte("{"), ContentType: "application/cloudevents+json"}, "|{"},
		"batch": {Message{Body: []byte("[" + envelope(`"data":{"id":"1"}`) + `,{"id":"2"},` + envelope(`"data":{"id":"3"}`) + "]"), ContentType: "application/cloudevents-batch+json", Topic: "t"},
			`com.acme.order.completed|{"id":"1"} t|{"id":"2"} com.acme.order.completed|{"id":"3"}`},
		"batch of none":         {Message{Body: []byte("[]"), ContentType: "application/cloudevents-batch+json"}, "|[]"},
		"topic that is no text": {Message{Body: []byte(order), Topic: "a\xffb" + strings.Repeat("x", 300)}, "ab" + strings.Repeat("x", 253) + "|" + order},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range x.m.Events(acme) {
				if e.Tenant != "acme" || e.Shop != "web" {
					t.Errorf("%+v", e)
				}
				got = append(got, e.Topic+"|"+string(e.Raw))
			}
			if s := strings.Join(got, " "); s != x.want {
				t.Errorf("\ngot  %s\nwant %s", s, x.want)
			}
		})
	}
}

// TestRefused: what cannot be kept as it is stands there as what it was, the same each time, and no format
// reads an order in it.
func TestRefused(t *testing.T) {
	large := bytes.Repeat([]byte("x"), Largest+1)
	for name, x := range map[string]struct {
		body []byte
		want string
	}{
		"empty":   {nil, `{"waxwing_refused":{"why":"it is empty","where":"queue orders, message 7","bytes":0,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}`},
		"blank":   {[]byte(" \r\n"), `{"waxwing_refused":{"why":"it is empty","where":"queue orders, message 7","bytes":3,"sha256":"41bf34dfbb70f46b1abbd5b05f0d8a6dc5fe37c3a5a2dd95d69e7bb1e9b09bea"}}`},
		"large":   {large, `{"waxwing_refused":{"why":"it is larger than 8 MiB","where":"queue orders, message 7","bytes":8388609,"sha256":"`},
		"no data": {[]byte(envelope(`"data":""`)), `{"waxwing_refused":{"why":"it is empty","where":"queue orders, message 7","bytes":93,"sha256":"`},
	} {
		m := Message{Body: x.body, Where: "queue orders, message 7"}
		for range 2 {
			list := m.Events(acme)
			if got := string(list[0].Raw); len(list) != 1 || !strings.HasPrefix(got, strings.TrimSuffix(x.want, "41bf34dfbb70f46b1abbd5b05f0d8a6dc5fe37c3a5a2dd95d69e7bb1e9b09bea\"}}")) {
				t.Errorf("%s: %.300s", name, got)
			}
			if key, err := generic.Format.Key(list[0].Topic, list[0].Raw); err == nil {
				t.Errorf("%s: an order is read: %+v", name, key)
			}
		}
	}
	whole := Message{Body: large[:Largest]}
	if got := whole.Events(acme); len(got[0].Raw) != Largest {
		t.Errorf("%d bytes", len(got[0].Raw))
	}
}

// FuzzEvents: whatever comes makes an event with something in it; and what is wrapped comes out as it was.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"id":"1"}`), "application/json", "order")
	f.Add([]byte(envelope(`"data":{}`)), "", "")
	f.Add([]byte("["+envelope(`"data_base64":"e30="`)+"]"), "application/cloudevents-batch+json", "x")
	f.Add([]byte(""), "application/cloudevents+json", "")
	f.Fuzz(func(t *testing.T, body []byte, kind, topic string) {
		m := Message{Body: body, ContentType: kind, Topic: topic, Where: "there"}
		list := m.Events(acme)
		if len(list) == 0 {
			t.Fatal("it is gone")
		}
		for _, e := range list {
			if len(bytes.TrimSpace(e.Raw)) == 0 || len(e.Raw) > Largest || len(e.Topic) > longestTopic {
				t.Fatalf("%d bytes, topic of %d", len(e.Raw), len(e.Topic))
			}
		}
		coded, err := json.Marshal(map[string]any{"specversion": "1.0", "type": "t", "id": "1", "source": "s", "data_base64": body})
		if err != nil {
			t.Fatal(err)
		}
		plain := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		if len(bytes.TrimSpace(plain)) == 0 {
			return
		}
		m = Message{Body: coded}
		if got := m.Events(acme)[0]; got.Topic != "t" || !bytes.Equal(got.Raw, plain) {
			t.Fatalf("got %q", got.Raw)
		}
		if json.Valid(body) && body[0] == '{' {
			m = Message{Body: []byte(envelope(`"data":` + string(body)))}
			if got := m.Events(acme)[0]; !bytes.Equal(got.Raw, bytes.TrimSpace(body)) {
				t.Fatalf("got %q", got.Raw)
			}
		}
	})
}
