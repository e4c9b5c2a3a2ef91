package waxwing

import "time"

// Clock tells the time. Tests give their own, or run in testing/synctest.
type Clock func() time.Time

// SystemClock is the machine's clock.
func SystemClock() time.Time { return time.Now() }
