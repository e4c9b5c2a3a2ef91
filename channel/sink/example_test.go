package sink_test

import (
	"fmt"
	"net/smtp"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// A plan says how the server answers in each phase.
func ExamplePlan() {
	s := sink.New(sink.Config{Plan: func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseRcpt && q.To == "gone@mail.example" {
			a.Code, a.Text = 550, "5.1.1 no such user"
		}
		return a
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	for _, to := range []string{"ida@mail.example", "gone@mail.example"} {
		fmt.Println(smtp.SendMail(addr, nil, "orders@acme.example", []string{to}, []byte("Subject: Hello\r\n\r\nHello\r\n")))
	}
	fmt.Println("taken:", s.Truth().Total())
	// Output:
	// <nil>
	// 550 "5.1.1 no such user"
	// taken: 1
}
