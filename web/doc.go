// Package web is the HTTP side: shops' webhooks, the tenants' API, its
// description, and health. A Server lets connections in by its gate and requests
// by their keys (doors), and each group of routes is a type with what it needs.
package web
