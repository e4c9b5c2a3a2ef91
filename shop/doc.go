// Package shop is what the formats of shops share, each of which is a package
// below it that turns what a shop sends into the one Order that every stage
// reads, by pure functions over the raw event (key, signature, normaliser):
// readers of amounts, texts, times, addresses and payments, the check of a
// signature, and the errors that several give. The payloads are read by package
// payload, which takes what the shops' own parsers take, since no mail may be
// lost over what no mail shows. Whoever adds a format passes shoptest, and is
// named in the daemon's list.
//
// What all formats keep to:
//
//   - What is no order of the customer's (a draft, a cart, a refund, a
//     subscription, a marketplace's part of an order) is ignored with its reason.
//     What is an order and cannot be read is an error, and is quarantined.
//   - Amounts are those of the payload, in one currency, in minor units, read to
//     all the places that it has and rounded once. Every normaliser ends with
//     SettleRows, after which what is shown adds up: each item's unit price times
//     its quantity (or no unit price), the items to Order.Subtotal, each list to
//     its sum, and the rows to the total by the identity at Order.Remainder. What
//     is left is a row with a name there; what has none is an adjustment, and an
//     entry in Order.Notices. So is a shop's subtotal that its own lines
//     contradict while its totals agree.
//   - Order.Subtotal is the items before any discount; Order.Discounts holds
//     every discount, those on one line (Item.Discount) included.
//   - Order.Shipping of an order that is picked up is the place, or nil.
//   - A region is a name, or a code where addresses are written with codes.
//   - A title is empty where the shop has none to show ("Duties" apart): the
//     mail then uses its own word for a discount, a fee, a gift card.
//   - Text holds no control characters and no invisible formatting but the
//     joiners that emoji and Persian need, and is capped; notes, choices and
//     instructions keep their line breaks. HTML is left alone, since rendering
//     escapes it.
//   - Links are https or empty.
//   - Errors are waxwing.Permanent, name the place in the payload and never
//     quote from it.
package shop
