package db

import (
	"errors"

	"modernc.org/sqlite"
)

// Fault is what an error of SQLite's says of the disk.
type Fault int

const (
	NoFault   Fault = iota // nothing is said of it
	Full                   // passes when there is room
	Broken                 // after it no write may be trusted again
	ReadFault              // one read failed, or was busy, or had no memory: nothing is known to be wrong
)

// SQLite's result codes, the extended ones of SQLITE_IOERR in full (sqlite.org/rescode.html).
const (
	codeBusy, codeLocked, codeNoMem, codeIOErr, codeCorrupt, codeFull, codeCantOpen, codeNotADB = 5, 6, 7, 10, 11, 13, 14, 26

	codeIOErrRead, codeIOErrShortRead, codeIOErrNoMem = codeIOErr | 1<<8, codeIOErr | 2<<8, codeIOErr | 12<<8
	codeIOErrLock, codeIOErrBlocked, codeIOErrStat    = codeIOErr | 15<<8, codeIOErr | 11<<8, codeIOErr | 7<<8
	codeIOErrAccess                                   = codeIOErr | 13<<8

	codeReadOnlyRollback = 8 | 3<<8
)

// coded is an error of SQLite's, ours or the driver's.
type coded interface {
	error
	// Code is the extended result code (sqlite.org/rescode.html).
	Code() int
}

var _ coded = (*sqlite.Error)(nil)

// IsRollback says that a transaction of a file without a write-ahead log was cut short,
// and that only a writer can undo it.
func IsRollback(err error) bool {
	var e coded
	return errors.As(err, &e) && e.Code() == codeReadOnlyRollback
}

// FaultOf sorts an error. What failed while reading passes: the transaction was
// undone, and what stands in the file stays as true as it was.
func FaultOf(err error) Fault {
	var e coded
	if !errors.As(err, &e) {
		return NoFault
	}
	switch e.Code() {
	case codeIOErrRead, codeIOErrShortRead, codeIOErrNoMem, codeIOErrLock, codeIOErrBlocked, codeIOErrStat, codeIOErrAccess:
		return ReadFault
	}
	switch e.Code() & 0xff {
	case codeIOErr, codeCorrupt, codeNotADB:
		return Broken
	case codeFull:
		return Full
	case codeBusy, codeLocked, codeNoMem, codeCantOpen:
		return ReadFault
	}
	return NoFault
}
