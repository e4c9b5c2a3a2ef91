#include "lane.h"

static int two(ww_str s, size_t at) {
  if (at + 2 > s.len) return 0;
  int a = s.at[at] - '0', b = s.at[at + 1] - '0';
  return a < 0 || a > 9 || b < 0 || b > 9 ? 0 : a * 10 + b;
}

moment moment_of(ww_str s) {
  moment m = {two(s, 0) * 100 + two(s, 2), two(s, 5), two(s, 8), two(s, 11), 1};
  if (m.month < 1 || m.month > 12) return (moment){0, 0, 0, 0, 2}; /* some Tuesday */
  static const int shift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4}; /* Sakamoto */
  int y = m.year - (m.month < 3);
  m.weekday = (y + y / 4 - y / 100 + y / 400 + shift[m.month - 1] + m.day) % 7;
  return m;
}

/* From the week of Black Friday until Christmas. */
season season_of(moment m) { return (m.month == 11 && m.day >= 20) || (m.month == 12 && m.day <= 24) ? busy : quiet; }

static char low(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* holds reports whether a word stands in a text, whatever its capitals. */
static bool holds(ww_str s, const char *w) {
  size_t n = __builtin_strlen(w);
  for (size_t i = 0; i + n <= s.len; i++) {
    size_t j = 0;
    while (j < n && low(s.at[i + j]) == w[j]) j++;
    if (j == n) return true;
  }
  return false;
}

/* The customs union, with the lands that behave as if they were in it. */
static bool in_union(const char *c) {
  static const char lands[] = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MC MT NL PL PT RO SE SI SK";
  for (const char *p = lands; *p; p += p[2] ? 3 : 2)
    if (p[0] == c[0] && p[1] == c[1]) return true;
  return false;
}

way way_of(const ww_lane *lane, ww_str to) {
  /* An origin is a country ("DE"), a warehouse in one ("DE-BER"), or a name that
     tells none. */
  ww_str from = lane->origin;
  bool land = from.len >= 2 && from.at[0] >= 'A' && from.at[0] <= 'Z' && from.at[1] >= 'A' && from.at[1] <= 'Z' && (from.len == 2 || from.at[2] == '-');
  if (!land || to.len != 2 || (from.at[0] == low(to.at[0]) - 32 && from.at[1] == low(to.at[1]) - 32)) return at_home;
  char c[2] = {(char)(low(to.at[0]) - 32), (char)(low(to.at[1]) - 32)};
  return in_union(from.at) && in_union(c) ? within_union : across_customs;
}

usual usual_for(const ww_lane *lane, way w, season s) {
  static const usual standard[] = {{1, 14}, {4, 26}, {8, 60}};
  usual u = standard[w];
  ww_str service = lane->service;
  if (holds(service, "express") || holds(service, "overnight") || holds(service, "next day") || holds(service, "priority")) {
    u.p50 /= 2;
    u.p90 /= 2;
  } else if (holds(service, "economy") || holds(service, "saver") || holds(service, "warenpost") || holds(service, "letter")) {
    u.p50 *= 1.5;
    u.p90 *= 1.5;
  }
  static const struct {
    const char *name;
    double factor;
  } carriers[] = {{"dhl", 0.9}, {"ups", 0.9}, {"fedex", 0.95}, {"tnt", 1}, {"dpd", 1}, {"gls", 1.1}, {"hermes", 1.2}, {"evri", 1.3}, {"yodel", 1.3}, {"usps", 1.1}, {"correos", 1.2}, {"poste", 1.2}};
  for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++)
    if (holds(lane->carrier, carriers[i].name)) {
      u.p50 *= carriers[i].factor;
      u.p90 *= carriers[i].factor;
      break;
    }
  if (s == busy) {
    u.p50 = u.p50 * 1.5 + 2;
    u.p90 = u.p90 * 1.5 + 6;
  }
  return u;
}

/* From Friday afternoon until Monday most networks stand still. */
double weekend_wait(moment m) {
  if (m.weekday == 5 && m.hour >= 15) return 6;
  return m.weekday == 6 ? 12 : m.weekday == 0 ? 6 : 0;
}

double holiday_wait(moment m) {
  if (m.month == 12 && m.day >= 23 && m.day <= 26) return 36;
  if ((m.month == 12 && m.day >= 30) || (m.month == 1 && m.day == 1)) return 24;
  return 0;
}
