package sqlite

import (
	"errors"

	"modernc.org/sqlite"
)

// diskFault is what an error of SQLite's says of the disk.
type diskFault int

const (
	noDiskFault diskFault = iota
	diskFull              // passes when there is room
	diskBroken            // after it no write may be trusted again
	readFault             // one read failed, or was busy, or had no memory: nothing is known to be wrong
)

// SQLite's result codes, the extended ones of SQLITE_IOERR in full (sqlite.org/rescode.html).
const (
	codeBusy, codeLocked, codeNoMem, codeIOErr, codeCorrupt, codeFull, codeCantOpen, codeNotADB = 5, 6, 7, 10, 11, 13, 14, 26

	codeIOErrRead, codeIOErrShortRead, codeIOErrNoMem = codeIOErr | 1<<8, codeIOErr | 2<<8, codeIOErr | 12<<8
	codeIOErrLock, codeIOErrBlocked, codeIOErrStat    = codeIOErr | 15<<8, codeIOErr | 11<<8, codeIOErr | 7<<8
	codeIOErrAccess                                   = codeIOErr | 13<<8

	codeReadOnlyRollback = 8 | 3<<8
)

// isRollback says that a transaction of a file without a write-ahead log was cut short,
// and that only a writer can undo it.
func isRollback(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == codeReadOnlyRollback
}

// faultOf sorts an error. What failed while reading passes: the transaction was
// undone, and what stands in the file stays as true as it was.
func faultOf(err error) diskFault {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return noDiskFault
	}
	switch e.Code() {
	case codeIOErrRead, codeIOErrShortRead, codeIOErrNoMem, codeIOErrLock, codeIOErrBlocked, codeIOErrStat, codeIOErrAccess:
		return readFault
	}
	switch e.Code() & 0xff {
	case codeIOErr, codeCorrupt, codeNotADB:
		return diskBroken
	case codeFull:
		return diskFull
	case codeBusy, codeLocked, codeNoMem, codeCantOpen:
		return readFault
	}
	return noDiskFault
}
