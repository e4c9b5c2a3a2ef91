// Package enrich looks up what an order's event does not say: the customer,
// pictures of the products, stock, an estimate of the delivery. A lookup that
// does not answer in time is left out of the mail.
package enrich
