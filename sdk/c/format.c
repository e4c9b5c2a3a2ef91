/* Dates and money as the confirmation's language writes them. */

#include "waxwing.h"

static bool figures(ww_str s, size_t from, size_t to, int64_t *out) {
  *out = 0;
  for (size_t i = from; i < to; i++) {
    if (s.at[i] < '0' || s.at[i] > '9') return false;
    *out = *out * 10 + (s.at[i] - '0');
  }
  return true;
}

static bool begins(ww_str s, size_t at, ww_str with) {
  return s.len - at >= with.len && ww_same((ww_str){s.at + at, with.len}, with);
}

static ww_str format_day(const ww_text_format *f, ww_str pattern, ww_str day) {
  static const int shift[12] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  int64_t y, m, d;
  if (day.len < 10 || day.at[4] != '-' || day.at[7] != '-') return day;
  if (!figures(day, 0, 4, &y) || !figures(day, 5, 7, &m) || !figures(day, 8, 10, &d)) return day;
  if (m < 1 || m > 12 || d < 1 || d > 31 || f->months.len != 12 || f->weekdays.len != 7) return day;
  int64_t w = m < 3 && y > 0 ? y - 1 : y;
  w = (w + w / 4 - w / 100 + w / 400 + shift[m - 1] + d) % 7;
  const ww_text_pair fields[] = {
    {WW_STR("{year}"), ww_from_int(y)}, {WW_STR("{month}"), f->months.at[m - 1]},
    {WW_STR("{day}"), ww_from_int(d)}, {WW_STR("{weekday}"), f->weekdays.at[w]}};
  ww_str out = {"", 0};
  size_t from = 0;
  for (size_t i = 0; i < pattern.len; i++) {
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
      if (!begins(pattern, i, fields[k].key)) continue;
      out = WW_CAT(out, ((ww_str){pattern.at + from, i - from}), fields[k].value);
      from = i + fields[k].key.len;
      i = from - 1;
      break;
    }
  }
  return WW_CAT(out, ((ww_str){pattern.at + from, pattern.len - from}));
}

ww_str ww_format_date(const ww_text_format *f, ww_str day) { return f ? format_day(f, f->date, day) : day; }

ww_str ww_format_weekday(const ww_text_format *f, ww_str day) { return f ? format_day(f, f->weekday, day) : day; }

ww_str ww_format_money(const ww_text_format *f, const ww_money *m) {
  const ww_money_format *x = f ? f->money : NULL;
  bool negative = m->amount.len && m->amount.at[0] == '-';
  ww_str a = {m->amount.at + negative, m->amount.len - negative};
  size_t whole = 0, point;
  while (whole < a.len && a.at[whole] >= '0' && a.at[whole] <= '9') whole++;
  bool zero = true, good = whole > 0 && (whole == a.len || a.at[whole] == '.');
  point = whole < a.len ? whole + 1 : whole;
  for (size_t i = point; i < a.len; i++) {
    zero = zero && a.at[i] == '0';
    good = good && a.at[i] >= '0' && a.at[i] <= '9';
  }
  if (!x || !good || !ww_same(x->currency, m->currency)) return WW_CAT(m->amount, WW_STR(" "), m->currency);
  bool grouped = (int64_t)whole >= 3 + x->min_group.value;
  ww_str out = negative ? x->before_negative : x->before;
  for (size_t i = 0; i < whole;) {
    size_t n = grouped ? (whole - i) % 3 : whole;
    if (n == 0) n = 3;
    out = WW_CAT(out, i ? x->group : WW_STR(""), ((ww_str){a.at + i, n}));
    i += n;
  }
  ww_str decimals = zero ? WW_STR("") : (ww_str){a.at + point, a.len - point};
  if (decimals.len || x->decimals.value > 0) out = WW_CAT(out, x->point, decimals);
  for (int64_t n = (int64_t)decimals.len; n < x->decimals.value; n++) out = WW_CAT(out, WW_STR("0"));
  return WW_CAT(out, negative ? x->after_negative : x->after);
}
