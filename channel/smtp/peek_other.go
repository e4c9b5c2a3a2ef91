//go:build !unix

package smtp

import "net"

// pending cannot look ahead here; a dead connection shows at the next read.
func pending(net.Conn) (some, gone bool) { return false, false }
