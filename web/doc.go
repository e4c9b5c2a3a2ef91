// Package web is the HTTP side: shops' webhooks, the tenants' API, its
// description, metrics and health, and the demonstration's mailbox.
package web
