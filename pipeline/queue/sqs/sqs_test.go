package sqs

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

// open makes a broker whose messages come again after two seconds, of which a file may not say so few.
func open(t *testing.T, url string) *Broker {
	t.Helper()
	s := &Settings{Endpoint: config.Secret(url), Region: "us-east-1", AccessKey: "AKID", SecretKey: "hunter2"}
	config.Fill(s)
	s.Visibility = config.Duration(2 * time.Second)
	b, err := s.Open("bus", nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dial(t *testing.T, b *Broker, topic string) queue.Link {
	t.Helper()
	l, err := b.Dial(t.Context(), []string{topic}, func(err error) { t.Log(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // it gives no error
	return l
}

func TestConforms(t *testing.T) {
	s := queuetest.SQS(t, true)
	queuetest.Conform(t, tests.Features{Persistent: true}, func(string) queue.Broker { return open(t, s.URL) })
}

func TestSurvives(t *testing.T) {
	s := queuetest.SQS(t, false)
	queuetest.Survive(t, s, open(t, s.URL))
}

// TestUnsafe: a queue that is there and would lose messages is not used, and the error says what to do.
func TestUnsafe(t *testing.T) {
	b := open(t, queuetest.SQS(t, false).URL)
	dial(t, b, "dead") // which is safe, and found the next time
	dial(t, b, "dead")
	const arn = "arn:aws:sqs:us-east-1:000000000000:dead"
	for name, x := range map[string]struct{ attribute, value, want string }{
		"forgets": {"MessageRetentionPeriod", "60", "queue forgets: it forgets messages after 60 s: aws sqs set-queue-attributes --queue-url ... --attributes MessageRetentionPeriod=86400"},
		"small":   {"MaximumMessageSize", "2048", "queue small: it takes messages of 2048 bytes at most, and refuses larger ones: aws sqs set-queue-attributes --queue-url ... --attributes MaximumMessageSize=262144"},
		"late":    {"DelaySeconds", "5", "queue late: it holds each message back for 5 s: aws sqs set-queue-attributes --queue-url ... --attributes DelaySeconds=0"},
		"dlq": {"RedrivePolicy", `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":"3"}`,
			"queue dlq: its maxReceiveCount is 3: what daemons that were killed had in hand goes to the dead-letter queue, where nobody looks for it; take its RedrivePolicy out, or write 10 or more"},
		"patient": {"RedrivePolicy", `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":10}`, ""},
	} {
		if _, err := b.client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: &name, Attributes: map[string]string{x.attribute: x.value}}); err != nil {
			t.Fatal(err)
		}
		l, err := b.Dial(t.Context(), []string{name}, func(error) {})
		if got := fmt.Sprint(err); got != x.want && (x.want != "" || err != nil) {
			t.Errorf("got %s, want %s", got, x.want)
		}
		if l != nil {
			_ = l.Close() // it gives no error
		}
	}
	if _, err := b.Dial(t.Context(), []string{strings.Repeat("x", 81)}, func(error) {}); err == nil || !strings.Contains(err.Error(), "81 letters of at most 80") {
		t.Errorf("got %v", err)
	}
	if l, err := b.Dial(t.Context(), nil, func(error) {}); err != nil {
		t.Error(err)
	} else if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestMade: what is made is as the settings say.
func TestMade(t *testing.T) {
	b := open(t, queuetest.SQS(t, false).URL)
	dial(t, b, "waxwing.a.mail.email")
	at, err := b.find(t.Context(), "waxwing-a-mail-email")
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.client.GetQueueAttributes(t.Context(), &api.GetQueueAttributesInput{QueueUrl: &at, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"MessageRetentionPeriod": "86400", "MaximumMessageSize": "262144", "SqsManagedSseEnabled": "true", "RedrivePolicy": ""} {
		if v := got.Attributes[name]; v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
}

func take(t *testing.T, all <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m := <-all:
		if m == nil {
			t.Fatal("the subscription is over")
		}
		return m
	case <-time.After(time.Minute):
		t.Fatal("no message came")
	}
	return nil
}

// TestInHand: what is in hand is nobody else's, however long that takes, and others' when its
// link ends, but for what was acknowledged.
func TestInHand(t *testing.T) {
	b := open(t, queuetest.SQS(t, false).URL)
	b.Visibility = config.Duration(4 * time.Second)
	first, second := dial(t, b, "a"), dial(t, b, "a")
	mine, err := first.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := first.Publish("a", message.NewMessage(fmt.Sprint(i), []byte{0, 255, byte(i)})); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	done := take(t, mine)
	seen[done.UUID]++
	done.Ack()
	inHand := take(t, mine)
	// Meanwhile it would have been shown again.
	theirs, err := second.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	limit := time.NewTimer(6 * time.Second)
	for waiting := true; waiting; {
		select {
		case m := <-theirs: // published after what the first has taken, or taken by none
			if m.UUID == done.UUID || m.UUID == inHand.UUID {
				t.Fatalf("%s is in the hands of two", m.UUID)
			}
			seen[m.UUID]++
			m.Ack()
		case <-limit.C:
			waiting = false
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, more := <-mine; more {
		t.Error("the subscription goes on")
	}
	for len(seen) < 5 {
		m := take(t, theirs)
		if m.Payload[0] != 0 || m.Payload[1] != 255 || fmt.Sprint(m.Payload[2]) != m.UUID {
			t.Errorf("%s has %v", m.UUID, m.Payload)
		}
		seen[m.UUID]++
		m.Ack()
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
}

// TestForeign: what is no envelope is handed on as it is, and in nobody's way.
func TestForeign(t *testing.T) {
	b := open(t, queuetest.SQS(t, false).URL)
	l := dial(t, b, "a")
	at, err := b.find(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"words", `{"uuid": 7}`, `{"uuid": "", "payload": "AAAA"}`} {
		if _, err := b.client.SendMessage(t.Context(), &api.SendMessageInput{QueueUrl: &at, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := l.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for range 3 {
		m := take(t, all)
		got[string(m.Payload)] = true
		m.Ack()
	}
	if !got["words"] || !got[`{"uuid": 7}`] {
		t.Errorf("got %v", got)
	}
}

// pretended answers SendMessageBatch as a test says: with a sum for each body, or none.
func pretended(t *testing.T, answer func(w http.ResponseWriter, ids, bodies []string)) *link {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Entries []struct{ Id, MessageBody string }
		}
		_ = json.NewDecoder(r.Body).Decode(&in) // the client wrote it
		var ids, bodies []string
		for _, e := range in.Entries {
			ids, bodies = append(ids, e.Id), append(bodies, e.MessageBody)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		answer(w, ids, bodies)
	}))
	t.Cleanup(s.Close)
	l := NewLink(open(t, s.URL).client, map[string]string{"a": s.URL + "/1/a"}, time.Minute, func(error) {}).(*link)
	t.Cleanup(func() { _ = l.Close() }) // it gives no error
	return l
}

func sum(body string) string {
	s := md5.Sum([]byte(body))
	return hex.EncodeToString(s[:])
}

// TestAnswers: a message counts as published when SQS says so of it, and has the same bytes.
func TestAnswers(t *testing.T) {
	for what, x := range map[string]struct {
		answer func(id, body string) string
		want   string
	}{
		"taken": {func(id, body string) string {
			return fmt.Sprintf(`{"Successful":[{"Id":%q,"MessageId":"m","MD5OfMessageBody":%q}],"Failed":[]}`, id, sum(body))
		}, ""},
		"another's sum": {func(id, body string) string {
			return fmt.Sprintf(`{"Successful":[{"Id":%q,"MessageId":"m","MD5OfMessageBody":%q}],"Failed":[]}`, id, sum("x"))
		}, "checksum"},
		"refused": {func(id, _ string) string {
			return fmt.Sprintf(`{"Successful":[],"Failed":[{"Id":%q,"Code":"InternalError","Message":"no","SenderFault":false}]}`, id)
		}, "refused a message: InternalError: no"},
		"says nothing": {func(string, string) string { return `{"Successful":[],"Failed":[]}` }, "said nothing of a message"},
		"says of others": {func(_, body string) string {
			return fmt.Sprintf(`{"Successful":[{"Id":"9","MessageId":"m","MD5OfMessageBody":%q}]}`, sum(body))
		}, "said nothing of a message"},
	} {
		l := pretended(t, func(w http.ResponseWriter, ids, bodies []string) { fmt.Fprint(w, x.answer(ids[0], bodies[0])) })
		err := l.Publish("a", message.NewMessage("m", []byte("p")))
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %s", what, err, x.want)
		}
	}
}

// TestTogether: what waits goes in requests of ten messages and 256 KiB at most, each once, and the
// verdict of one is not another's.
func TestTogether(t *testing.T) {
	var mu sync.Mutex
	requests, messages := 0, 0
	block := make(chan struct{})
	l := pretended(t, func(w http.ResponseWriter, ids, bodies []string) {
		<-block
		mu.Lock()
		defer mu.Unlock()
		requests++
		messages += len(ids)
		size := 0
		var good, bad []string
		for i, b := range bodies {
			size += len(b)
			var e envelope
			_ = json.Unmarshal([]byte(b), &e) // the link wrote it
			if e.Metadata["bad"] != "" {
				bad = append(bad, fmt.Sprintf(`{"Id":%q,"Code":"x","SenderFault":true}`, ids[i]))
				continue
			}
			good = append(good, fmt.Sprintf(`{"Id":%q,"MessageId":"m","MD5OfMessageBody":%q}`, ids[i], sum(b)))
		}
		if len(ids) > most || size > largest {
			t.Errorf("a request of %d messages and %d bytes", len(ids), size)
		}
		fmt.Fprintf(w, `{"Successful":[%s],"Failed":[%s]}`, strings.Join(good, ","), strings.Join(bad, ","))
	})
	var all, begun sync.WaitGroup
	const n = 64
	for i := range n {
		begun.Add(1)
		all.Go(func() {
			m := message.NewMessage(fmt.Sprint(i), make([]byte, []int{10, 40 << 10}[i%2]))
			if i%3 == 0 {
				m.Metadata.Set("bad", "yes")
			}
			begun.Done()
			if err := l.Publish("a", m); (err != nil) != (i%3 == 0) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	begun.Wait()
	close(block)
	all.Wait()
	if messages != n || requests >= n {
		t.Errorf("%d messages in %d requests", messages, requests)
	}
	if err := l.Publish("a", message.NewMessage("large", make([]byte, 200<<10))); err == nil || !strings.Contains(err.Error(), "more than SQS takes") {
		t.Errorf("got %v", err)
	}
	if err := l.Publish("a", message.NewMessage("largest", make([]byte, queue.MostCarried+9))); err != nil {
		t.Error(err)
	}
}

// TestOver: a link that is closed says so, and waits for nobody who publishes.
func TestOver(t *testing.T) {
	came, release := make(chan struct{}, 1), make(chan struct{})
	l := pretended(t, func(http.ResponseWriter, []string, []string) { came <- struct{}{}; <-release })
	defer close(release)
	got := make(chan error)
	go func() { got <- l.Publish("a", message.NewMessage("m", nil)) }()
	<-came
	_ = l.Close() // it gives no error
	if err := <-got; err == nil {
		t.Error("it was published")
	}
	if err := l.Publish("a", message.NewMessage("m", nil)); err == nil {
		t.Error("it was published")
	}
	if _, err := l.Subscribe(t.Context(), "a"); err == nil {
		t.Error("it subscribes")
	}
}

// TestSecrets: what fails says nothing of the key, and nothing is asked for ever.
func TestSecrets(t *testing.T) {
	_, err := open(t, "http://127.0.0.1:1").Dial(context.Background(), []string{"a"}, func(error) {})
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(fmt.Sprintf("%+v", open(t, "http://127.0.0.1:1").Settings), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// TestRegion: without a region there is no broker, and the error says what to write.
func TestRegion(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	s := &Settings{}
	config.Fill(s)
	if _, err := s.Open("bus", nil); err == nil || !strings.Contains(err.Error(), "write region") {
		t.Errorf("got %v", err)
	}
	t.Setenv("AWS_REGION", "eu-north-1")
	if b, err := s.Open("bus", nil); err != nil || b.client.Options().Region != "eu-north-1" {
		t.Errorf("got %v", err)
	}
}

// TestRest: what was refused again and again comes later each time.
func TestRest(t *testing.T) {
	for times, want := range map[string]time.Duration{"1": time.Second, "2": 2 * time.Second, "3": 4 * time.Second, "11": 1024 * time.Second, "1000": 1024 * time.Second, "": time.Second, "0": time.Second} {
		m := &held{nacked: true}
		m.Attributes = map[string]string{"ApproximateReceiveCount": times}
		if got := m.rest(); got != want {
			t.Errorf("%s: %v, want %v", times, got, want)
		}
	}
	if got := (&held{}).rest(); got != time.Second {
		t.Errorf("what was not handed on rests %v", got)
	}
}
