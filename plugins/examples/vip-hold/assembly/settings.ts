// The plugin's config, and amounts.

import { fail, Input, isWhole } from "../waxwing";

function setting(input: Input, key: string): string {
  return input.config.has(key) ? input.config.get(key) : "";
}

/** Whether a list such as "vip, gold" names a word, whatever its capitals. */
export function isListed(input: Input, key: string, word: string): bool {
  const want = word.trim().toLowerCase();
  if (!want.length) return false;
  const list = setting(input, key).split(",");
  for (let i = 0; i < list.length; i++) {
    if (list[i].trim().toLowerCase() == want) return true;
  }
  return false;
}

/** The amount of a currency in a list such as "EUR 1000, JPY 150000", in
 *  thousandths; -1 where there is none. */
export function threshold(input: Input, key: string, currency: string): i64 {
  const list = setting(input, key).split(",");
  for (let i = 0; i < list.length; i++) {
    const entry = list[i].trim();
    if (!entry.length) continue;
    const at = entry.indexOf(" ");
    const amount = at > 0 ? decimal(entry.substring(at + 1).trim()) : -1;
    if (amount < 0) fail("config: " + key + ': want "EUR 1000, JPY 150000", not "' + entry + '"');
    if (entry.substring(0, at).toUpperCase() == currency) return amount;
  }
  return -1;
}

/** A decimal such as "12.50" in thousandths, exactly; what is finer is cut off.
 *  -1 where it is none. */
export function decimal(s: string): i64 {
  const point = s.indexOf(".");
  const whole = point < 0 ? s : s.substring(0, point);
  const part = point < 0 ? "000" : s.substring(point + 1).padEnd(3, "0").substring(0, 3);
  if (whole.length > 15 || !isWhole(whole) || !isWhole(part) || whole.startsWith("-") || part.startsWith("-")) return -1;
  return I64.parseInt(whole) * 1000 + I64.parseInt(part);
}
