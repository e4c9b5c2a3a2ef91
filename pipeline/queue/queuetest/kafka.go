package queuetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	kafkaEnv = "WAXWING_TEST_KAFKA"
	nodes    = 3
)

// Kafka is a cluster of three brokers in one process, which keeps what it has in files: franz-go's
// kfake, since no Kafka is to be had here. The process is the test's own program, whose TestMain must call KafkaChild.
func Kafka(t *testing.T) *Server {
	t.Helper()
	Wanted(t)
	s := newServer(t, "kafka")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.program = program
	ports, hosts := []string{s.dir, strconv.Itoa(s.port)}, []string{s.URL}
	for len(hosts) < nodes {
		p := strconv.Itoa(freePort(t))
		ports, hosts = append(ports, p), append(hosts, "127.0.0.1:"+p)
	}
	s.URL = strings.Join(hosts, ",")
	s.env = []string{kafkaEnv + "=" + strings.Join(ports, " ")}
	return s.begin()
}

// KafkaChild is the cluster, and does not return, where Kafka has started this process.
func KafkaChild() {
	args := strings.Fields(os.Getenv(kafkaEnv))
	if len(args) == 0 {
		return
	}
	var ports []int
	for _, a := range args[1:] {
		p, _ := strconv.Atoi(a) // Kafka wrote it
		ports = append(ports, p)
	}
	if _, err := kfake.NewCluster(kfake.NumBrokers(len(ports)), kfake.Ports(ports...), kfake.DataDir(args[0]+"/kafka"), kfake.SyncWrites(), kfake.ClusterID("waxwing")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}
