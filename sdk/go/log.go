package waxwing

import "fmt"

// The levels of a log line.
const (
	levelDebug int32 = iota
	levelInfo
	levelWarn
	levelError
)

// Debug writes to the plugin's log, as fmt.Sprintf does. A call may log 4 KiB.
// Name no customers: logs are kept longer than orders.
func Debug(format string, args ...any) { writeLog(levelDebug, fmt.Sprintf(format, args...)) }

// Info writes to the plugin's log.
func Info(format string, args ...any) { writeLog(levelInfo, fmt.Sprintf(format, args...)) }

// Warn writes to the plugin's log.
func Warn(format string, args ...any) { writeLog(levelWarn, fmt.Sprintf(format, args...)) }

// Error writes to the plugin's log; the call goes on.
func Error(format string, args ...any) { writeLog(levelError, fmt.Sprintf(format, args...)) }
