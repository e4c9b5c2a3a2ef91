package smtp_test

import (
	"context"
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

// A sender asks for the commit point when the server has the whole body, and before the
// dot that makes it responsible.
func ExampleSender_Offer() {
	server := sink.New(sink.Config{})
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = server.Close() }()
	s := smtp.New(smtp.Config{Name: "mail", Addr: addr, TLS: smtp.NoTLS})
	defer func() { _ = s.Close(context.Background()) }()
	out := &waxwing.Outgoing{From: "orders@acme.example", To: "ida@mail.example", Data: []byte("Message-ID: <1@acme.example>\r\nSubject: Hello\r\n\r\nHello\r\n")}
	a := s.Offer(context.Background(), out, func() error {
		fmt.Println("commit point: taken so far", server.Truth().Total())
		return nil
	})
	fmt.Println(a.Verdict, a.Phase, a.Code, "taken", server.Truth().Total())
	// Output:
	// commit point: taken so far 0
	// accepted dot 250 taken 1
}
