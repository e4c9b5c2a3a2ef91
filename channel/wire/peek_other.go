//go:build !unix

package wire

import "net"

// Pending cannot look ahead here; a dead connection shows at the next read.
func Pending(net.Conn) (some, gone bool) { return false, false }
