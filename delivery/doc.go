// Package delivery offers messages to providers: what a send stage does. A Sender has one
// channel: it makes attempts, turns each verdict into what follows (retry, failover, doubt,
// fallback), and leaves a provider that is slow or down for the next one. A channel is
// data: e-mail is no special case of it.
package delivery
