package waxwing

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// ShortOfResources reports whether an error says that this machine ran out of something:
// file descriptors, memory, buffers or local ports. It is never a peer's fault: nothing
// may rest, be given up or go another way for it, and trying again soon is right.
func ShortOfResources(err error) bool {
	if err == nil {
		return false
	}
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS} {
		if errors.Is(err, e) {
			return true
		}
	}
	// The resolver keeps the words of what kept it from asking, and not the error.
	var dns *net.DNSError
	if errors.As(err, &dns) && strings.Contains(dns.Err, syscall.EMFILE.Error()) {
		return true
	}
	// No local port is left. Over IPv6 the same error says that there is no IPv6 here,
	// which waiting does not mend.
	var op *net.OpError
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || !errors.As(err, &op) {
		return false
	}
	to, ok := op.Addr.(*net.TCPAddr)
	return ok && to.IP.To4() != nil
}
