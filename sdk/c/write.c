/* The writer of JSON, and texts and lists. */

#include "json.h"

void *memcpy(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t);
_Noreturn void ww_wrong(const char *what);

typedef struct {
  char *at;
  size_t len, room;
  bool comma;
} writer;

static char *room(writer *w, size_t n) {
  if (w->len + n > w->room) {
    size_t bigger = (w->room + n) * 2 + 256;
    char *to = ww_new(bigger);
    if (w->len) memcpy(to, w->at, w->len);
    w->at = to;
    w->room = bigger;
  }
  char *t = w->at + w->len;
  w->len += n;
  return t;
}

static void put(writer *w, ww_str s) { if (s.len) memcpy(room(w, s.len), s.at, s.len); }
static void byte(writer *w, char c) { *room(w, 1) = c; }

static void sep(writer *w) {
  if (w->comma) byte(w, ',');
  w->comma = true;
}

static void open(writer *w, char c) { sep(w); byte(w, c); w->comma = false; }
static void close(writer *w, char c) { byte(w, c); w->comma = true; }

static void text(writer *w, ww_str s) {
  sep(w);
  byte(w, '"');
  size_t from = 0;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.at[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    put(w, (ww_str){s.at + from, i - from});
    from = i + 1;
    if (c == '"' || c == '\\') { byte(w, '\\'); byte(w, (char)c); }
    else if (c == '\n') put(w, WW_STR("\\n"));
    else { put(w, WW_STR("\\u00")); byte(w, "0123456789abcdef"[c >> 4]); byte(w, "0123456789abcdef"[c & 15]); }
  }
  put(w, (ww_str){s.at + from, s.len - from});
  byte(w, '"');
}

static void key(writer *w, ww_str k) { text(w, k); byte(w, ':'); w->comma = false; }
static void raw(writer *w, ww_str s) { sep(w); put(w, s); }

/* number writes six decimals at most. */
static void number(writer *w, double n) {
  if (!(n > -9e12 && n < 9e12)) ww_wrong("JSON: a number that is not finite, or too large");
  sep(w);
  if (n < 0) { byte(w, '-'); n = -n; }
  int64_t millionths = (int64_t)(n * 1e6 + 0.5);
  put(w, ww_from_int(millionths / 1000000));
  millionths %= 1000000;
  if (!millionths) return;
  int digits = 6;
  for (; millionths % 10 == 0; millionths /= 10) digits--;
  byte(w, '.');
  put(w, ww_padded(millionths, digits));
}

static bool unknown(const ww_field *f, const char *p) {
  switch ((ww_type)f->type) {
    case WW_TEXT: return !((const ww_str *)p)->len;
    case WW_TRUTH: return !*(const bool *)p;
    case WW_WHOLE: return !((const ww_int *)p)->known;
    case WW_NUMBER: return !((const ww_num *)p)->known;
    case WW_OBJECT: return !*(char *const *)p;
    default: return !((const ww_strs *)p)->len;
  }
}

static void strs(writer *w, const ww_strs *l) {
  open(w, '[');
  for (size_t i = 0; i < l->len; i++) text(w, l->at[i]);
  close(w, ']');
}

static void record(writer *w, const ww_shape *shape, const char *from);

static void field(writer *w, const ww_field *f, const char *p) {
  const ww_strs *l = (const ww_strs *)p; /* every list looks like this */
  switch ((ww_type)f->type) {
    case WW_TEXT: text(w, *(const ww_str *)p); break;
    case WW_TRUTH: raw(w, *(const bool *)p ? WW_STR("true") : WW_STR("false")); break;
    case WW_WHOLE: raw(w, ww_from_int(((const ww_int *)p)->value)); break;
    case WW_NUMBER: number(w, ((const ww_num *)p)->value); break;
    case WW_OBJECT:
      if (!*(char *const *)p) ww_wrong("an object that must be given is missing");
      record(w, f->of, *(char *const *)p);
      break;
    case WW_TEXT_LIST: strs(w, l); break;
    case WW_NUMBER_LIST:
      open(w, '[');
      for (size_t i = 0; i < l->len; i++) number(w, ((const ww_nums *)p)->at[i]);
      close(w, ']');
      break;
    case WW_LIST_LIST:
      open(w, '[');
      for (size_t i = 0; i < l->len; i++) strs(w, &((const ww_lists *)p)->at[i]);
      close(w, ']');
      break;
    case WW_OBJECT_LIST:
      open(w, '[');
      for (size_t i = 0; i < l->len; i++) record(w, f->of, (const char *)l->at + i * f->of->size);
      close(w, ']');
      break;
    case WW_TEXT_DICT:
      open(w, '{');
      for (size_t i = 0; i < l->len; i++) {
        key(w, ((const ww_texts *)p)->at[i].key);
        text(w, ((const ww_texts *)p)->at[i].value);
      }
      close(w, '}');
      break;
    case WW_TRUTH_DICT:
      open(w, '{');
      for (size_t i = 0; i < l->len; i++) {
        key(w, ((const ww_flags *)p)->at[i].key);
        raw(w, ((const ww_flags *)p)->at[i].value ? WW_STR("true") : WW_STR("false"));
      }
      close(w, '}');
  }
}

static void record(writer *w, const ww_shape *shape, const char *from) {
  open(w, '{');
  for (const ww_field *f = shape->fields; f < shape->fields + shape->len; f++) {
    if (!f->required && unknown(f, from + f->offset)) continue;
    key(w, (ww_str){f->name, __builtin_strlen(f->name)});
    field(w, f, from + f->offset);
  }
  close(w, '}');
}

ww_str ww_encode(const ww_shape *shape, const void *from) {
  writer w = {0};
  record(&w, shape, from);
  return (ww_str){w.at, w.len};
}

/* The room of a list is the next power of two, at least four. */
void *ww_grow(void *list, size_t size) {
  ww_strs *l = list;
  if (!l->len || (l->len >= 4 && !(l->len & (l->len - 1)))) {
    char *to = ww_new((l->len ? l->len * 2 : 4) * size);
    if (l->len) memcpy(to, l->at, l->len * size);
    l->at = (ww_str *)(void *)to;
  }
  return (char *)l->at + l->len++ * size;
}

bool ww_same(ww_str a, ww_str b) { return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len)); }

ww_str ww_find(ww_texts t, ww_str k) {
  for (size_t i = 0; i < t.len; i++)
    if (ww_same(t.at[i].key, k)) return t.at[i].value;
  return (ww_str){"", 0};
}

ww_str ww_cat(const ww_str *parts, size_t n) {
  writer w = {0};
  for (size_t i = 0; i < n; i++) put(&w, parts[i]);
  return (ww_str){w.at, w.len};
}

ww_str ww_line(ww_str s, size_t most) {
  char *out = ww_new(s.len ? s.len : 1);
  size_t n = 0, characters = 0;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.at[i], d = i + 1 < s.len ? (unsigned char)s.at[i + 1] : 0;
    size_t skip = c < 0x20 || c == 0x7f ? 1 : c == 0xc2 && d < 0xa0 ? 2 : 0;
    if (c == 0xe2 && d == 0x80 && i + 2 < s.len && ((unsigned char)s.at[i + 2] | 1) == 0xa9) skip = 3; /* U+2028, U+2029 */
    if (skip) { c = ' '; i += skip - 1; }
    if (c == ' ' && !n) continue;
    if ((c & 0xc0) != 0x80 && ++characters > most) break;
    out[n++] = (char)c;
  }
  while (n && out[n - 1] == ' ') n--;
  return (ww_str){out, n};
}

ww_str ww_padded(int64_t n, int digits) {
  char *out = ww_new(24), *t = out + 24;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  for (; u || digits > 0; u /= 10, digits--) *--t = (char)('0' + u % 10);
  if (n < 0) *--t = '-';
  return (ww_str){t, (size_t)(out + 24 - t)};
}

ww_str ww_from_int(int64_t n) { return ww_padded(n, 1); }

bool ww_to_int(ww_str s, int64_t *out) {
  size_t i = s.len && s.at[0] == '-';
  bool minus = i;
  uint64_t u = 0;
  if (i == s.len) return false;
  for (; i < s.len; i++) {
    unsigned d = (unsigned char)s.at[i] - '0';
    if (d > 9 || u > (INT64_MAX - d) / 10) return false;
    u = u * 10 + d;
  }
  *out = minus ? -(int64_t)u : (int64_t)u;
  return true;
}

/* Exact for up to 15 digits and powers of ten up to 22, which is what amounts
   and hours are; beyond it the last place may be off. */
bool ww_to_num(ww_str s, double *out) {
  size_t i = s.len && s.at[0] == '-';
  bool minus = i, some = false;
  uint64_t u = 0;
  int power = 0, e = 0;
  bool point = false, less = false;
  for (; i < s.len && (s.at[i] | 32) != 'e'; i++) {
    unsigned d = (unsigned char)s.at[i] - '0';
    if (s.at[i] == '.' && !point) { point = true; continue; }
    if (d > 9) return false;
    some = true;
    if (u < 1000000000000000000u) { u = u * 10 + d; power -= point; }
    else power += !point;
  }
  if (!some) return false;
  if (i < s.len) {
    i++;
    if (i < s.len && (s.at[i] == '-' || s.at[i] == '+')) less = s.at[i++] == '-';
    if (i == s.len) return false;
    for (; i < s.len; i++) {
      unsigned d = (unsigned char)s.at[i] - '0';
      if (d > 9) return false;
      if (e < 10000) e = e * 10 + (int)d;
    }
  }
  power += less ? -e : e;
  double n = (double)u, ten = 1;
  int steps = power < 0 ? -power : power;
  if (u) {
    for (; steps > 22; steps -= 22) n = power < 0 ? n / 1e22 : n * 1e22;
    for (; steps; steps--) ten *= 10;
    n = power < 0 ? n / ten : n * ten;
  }
  if (!(n <= 1.7976931348623157e308)) return false;
  *out = minus ? -n : n;
  return true;
}
