// Package locales holds the twelve built-in locales: their message catalogues
// (go-i18n's format and plural rules), and money, numbers, dates and date
// ranges as ICU writes them.
//
// Everything is resolved when a catalogue is loaded. A Locale is read-only
// afterwards, is shared by all mails, and appends to the caller's buffer.
package locales
