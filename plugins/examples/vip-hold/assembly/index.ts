// A Waxwing plugin: it holds what a person should look at before the customer
// reads "thank you": large orders of VIPs, who get a call or a card, and first
// orders of a value that nobody begins with. Thresholds are per currency; where
// none is set for the order's, it passes.

import { debug, FILTER_ACTION_HOLD, FilterOutput, Input, onFilter } from "../waxwing";
import { decimal, isListed, threshold } from "./settings";

export { ww_abi_1, ww_alloc } from "../waxwing";

export function ww_filter_1(ptr: usize, len: i32): u64 {
  return onFilter(ptr, len, filter);
}

function filter(input: Input): FilterOutput | null {
  const order = input.order;
  const customer = input.customer;
  if (!order || !customer) return null;
  const total = order.total;
  if (!total) return null;
  const value = decimal(total.amount);
  if (value <= 0) return null;

  const vip = threshold(input, "vip_from", total.currency);
  const first = threshold(input, "first_from", total.currency);
  if (vip < 0 && first < 0) debug("no threshold in " + total.currency);

  if (isListed(input, "vip_groups", customer.group)) {
    return vip >= 0 && value >= vip ? hold("VIP order: " + total.amount + " " + total.currency) : null;
  }
  if (!customer.has_orders || customer.orders > 0 || first < 0) return null;

  const doubts = doubtsOf(input, value, total.currency);
  // A doubt halves what a first order may cost, two and more quarter it.
  const limit = first >> min(doubts.length, 2);
  if (value < limit) return null;
  const why = doubts.length ? ", " + doubts.join(", ") : "";
  return hold("first order: " + total.amount + " " + total.currency + why);
}

function hold(reason: string): FilterOutput {
  const out = new FilterOutput();
  out.action = FILTER_ACTION_HOLD;
  out.reason = reason;
  return out;
}

// doubtsOf names what first orders with stolen cards look like.
function doubtsOf(input: Input, value: i64, currency: string): Array<string> {
  const out = new Array<string>();
  const items = input.items;
  if (!items.length) return out;
  let cards: i64 = 0;
  let shipped = 0;
  let most: i64 = 0;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    const total = item.total;
    if (item.gift_card && total && total.currency == currency) cards += max<i64>(decimal(total.amount), 0);
    if (!item.digital && !item.gift_card) shipped++;
    if (!item.gift_card) most = max(most, item.quantity);
  }
  if (cards * 2 >= value) out.push("mostly gift cards");
  else if (!shipped) out.push("nothing to ship");
  if (most >= 10) out.push(most.toString() + " of one article");
  return out;
}
