// Package shop turns what shops send into the one Order that every stage
// reads: one file a format, with pure functions over the raw event (key,
// signature, normaliser). The payloads are read by a strict JSON reader of the
// package's own, which keeps the limits of RELIABILITY.md S12 and never turns
// a number into a float.
//
// What all formats keep to:
//
//   - Amounts are those of the payload, in one currency, in minor units. Where
//     a shop's totals do not add up they stay as the shop shows them.
//   - Order.Subtotal is the items before any discount; Order.Discounts holds
//     every discount, those on one line (Item.Discount) included. So
//     Subtotal - DiscountTotal + ShippingTotal + fees + TaxTotal (unless
//     TaxesIncluded) + Tip = Total, as far as the shop itself adds up.
//   - A title is empty where the shop has none to show ("Duties" apart): the
//     mail then uses its own word for a discount, a fee, a gift card.
//   - Text holds no control characters and no invisible formatting but the
//     joiners that emoji and Persian need, and is capped; HTML is left alone,
//     since rendering escapes it.
//   - Links are https or empty.
//   - Errors are waxwing.Permanent, name the place in the payload and never
//     quote from it.
package shop
