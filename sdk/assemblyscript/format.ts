/** Dates and money as the confirmation's language writes them. */

import { Money, TextFormat } from "./types";

/**
 * Writes a day ("2026-11-28", or a time of RFC 3339) as the confirmation's language
 * does: "November 28, 2026". Give it input.format; where that is null, or the day is
 * none, the day comes back as it is.
 */
export function formatDate(f: TextFormat | null, day: string): string {
  return f ? formatDay(f, f.date, day) : day;
}

/** formatDate with the weekday: "Sat, November 28, 2026". */
export function formatWeekday(f: TextFormat | null, day: string): string {
  return f ? formatDay(f, f.weekday, day) : day;
}

function figures(s: string): i32 {
  let n = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i) - 48;
    if (c < 0 || c > 9) return -1;
    n = n * 10 + c;
  }
  return n;
}

const shift: StaticArray<i32> = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];

function formatDay(f: TextFormat, pattern: string, day: string): string {
  if (day.length < 10 || day.charAt(4) != "-" || day.charAt(7) != "-") return day;
  const y = figures(day.substring(0, 4)), m = figures(day.substring(5, 7)), d = figures(day.substring(8, 10));
  if (y < 0 || m < 1 || m > 12 || d < 1 || d > 31 || f.months.length != 12 || f.weekdays.length != 7) return day;
  const w = m < 3 ? max(y - 1, 0) : y;
  const weekday = (w + w / 4 - w / 100 + w / 400 + shift[m - 1] + d) % 7;
  return pattern.replace("{year}", y.toString()).replace("{day}", d.toString()).replace("{month}", f.months[m - 1])
    .replace("{weekday}", f.weekdays[weekday]);
}

/**
 * Writes an amount as the confirmation's language does: "12,50 €". Without
 * input.format, or in another currency than the order's, it is amount and code.
 */
export function formatMoney(f: TextFormat | null, m: Money): string {
  const negative = m.amount.startsWith("-");
  const amount = negative ? m.amount.substring(1) : m.amount;
  const at = amount.indexOf(".");
  const whole = at < 0 ? amount : amount.substring(0, at);
  let decimals = at < 0 ? "" : amount.substring(at + 1);
  const plain = m.amount + " " + m.currency;
  if (!f || whole == "") return plain;
  const x = f.money;
  if (!x || x.currency != m.currency) return plain;
  let zero = true;
  for (let i = 0; i < amount.length; i++) {
    const c = amount.charCodeAt(i);
    if (i != at && (c < 48 || c > 57)) return plain;
    if (at >= 0 && i > at && c != 48) zero = false;
  }
  if (zero) decimals = "";
  while (decimals.length < <i32>x.decimals) decimals += "0";
  let out = negative ? x.before_negative : x.before;
  const grouped = <i64>whole.length >= 3 + x.min_group;
  for (let i = 0; i < whole.length; i++) {
    if (grouped && i > 0 && (whole.length - i) % 3 == 0) out += x.group;
    out += whole.charAt(i);
  }
  if (decimals != "") out += x.point + decimals;
  return out + (negative ? x.after_negative : x.after);
}
