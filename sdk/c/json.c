/* JSON (RFC 8259) from UTF-8, and texts. */

#include "json.h"

void *memcpy(void *, const void *, size_t);
int memcmp(const void *, const void *, size_t);

typedef struct {
  const char *at, *end, *wrong;
  int depth;
} reader;

enum { deepest = 64 };

/* fail keeps the first fault; every reader stops at the next byte, since there
   is none. */
static void fail(reader *r, const char *what) {
  if (!r->wrong) r->wrong = what;
  r->at = r->end;
}

static char peek(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) r->at++;
  return r->at < r->end ? *r->at : 0;
}

static bool next(reader *r, char c) {
  bool is = peek(r) == c;
  if (is) r->at++;
  return is;
}

static bool word(reader *r, const char *w) {
  size_t n = __builtin_strlen(w);
  if ((size_t)(r->end - r->at) < n || memcmp(r->at, w, n)) return false;
  r->at += n;
  return true;
}

static uint32_t hex(reader *r) {
  uint32_t n = 0;
  for (int i = 0; i < 4; i++) {
    char c = r->at < r->end ? *r->at++ : 0;
    if (c >= '0' && c <= '9') n = n << 4 | (uint32_t)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f') n = n << 4 | (uint32_t)((c | 32) - 'a' + 10);
    else { fail(r, "JSON: want four hexadecimal digits"); return 0; }
  }
  return n;
}

static char *put_rune(char *t, uint32_t c) {
  if (c < 0x80) { *t++ = (char)c; return t; }
  if (c < 0x800) *t++ = (char)(0xc0 | c >> 6);
  else {
    if (c < 0x10000) *t++ = (char)(0xe0 | c >> 12);
    else { *t++ = (char)(0xf0 | c >> 18); *t++ = (char)(0x80 | (c >> 12 & 63)); }
    *t++ = (char)(0x80 | (c >> 6 & 63));
  }
  *t++ = (char)(0x80 | (c & 63));
  return t;
}

static char *escape(reader *r, char *t) {
  char c = r->at < r->end ? *r->at++ : 0;
  switch (c) {
    case '"': case '\\': case '/': *t++ = c; return t;
    case 'b': *t++ = '\b'; return t;
    case 'f': *t++ = '\f'; return t;
    case 'n': *t++ = '\n'; return t;
    case 'r': *t++ = '\r'; return t;
    case 't': *t++ = '\t'; return t;
    case 'u': break;
    default: fail(r, "JSON: no such escape"); return t;
  }
  uint32_t u = hex(r);
  if (u >= 0xd800 && u < 0xdc00 && word(r, "\\u")) {
    uint32_t low = hex(r);
    if (low >= 0xdc00 && low < 0xe000) return put_rune(t, 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00));
  }
  if (u >= 0xd800 && u < 0xe000) fail(r, "JSON: half a character");
  return put_rune(t, u);
}

/* text gives what stands in the input, or a copy where it has escapes, which
   only make it shorter. */
static ww_str text(reader *r) {
  if (!next(r, '"')) { fail(r, "JSON: want a text"); return (ww_str){"", 0}; }
  const char *from = r->at;
  const char *s = from;
  while (s < r->end && *s != '"' && *s != '\\' && (unsigned char)*s >= 0x20) s++;
  if (s < r->end && *s == '"') { r->at = s + 1; return (ww_str){from, (size_t)(s - from)}; }
  while (s < r->end && *s != '"') s += *s == '\\' ? 2 : 1;
  if (s >= r->end) { fail(r, "JSON: a text without an end"); return (ww_str){"", 0}; }
  char *out = ww_new((size_t)(s - from)), *t = out;
  while (r->at < s) {
    char c = *r->at++;
    if ((unsigned char)c < 0x20) fail(r, "JSON: a control character in a text");
    else if (c == '\\') t = escape(r, t);
    else *t++ = c;
  }
  if (r->wrong) return (ww_str){"", 0};
  r->at = s + 1;
  return (ww_str){out, (size_t)(t - out)};
}

static bool digits(reader *r) {
  const char *from = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
  return r->at > from;
}

static ww_str number(reader *r) {
  peek(r);
  const char *from = r->at;
  if (r->at < r->end && *r->at == '-') r->at++;
  const char *first = r->at;
  if (!digits(r) || (*first == '0' && r->at - first > 1)) { fail(r, "JSON: want a number"); return (ww_str){"", 0}; }
  if (r->at < r->end && *r->at == '.' && (r->at++, !digits(r))) fail(r, "JSON: want a digit");
  if (r->at < r->end && (*r->at | 32) == 'e') {
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
    if (!digits(r)) fail(r, "JSON: want a digit");
  }
  return (ww_str){from, (size_t)(r->at - from)};
}

/* more steps through an array or object: true while there is another element. */
static bool more(reader *r, char close, bool *first) {
  if (next(r, close)) { r->depth--; return false; }
  if (!*first && !next(r, ',')) fail(r, "JSON: want a comma");
  if (!*first && peek(r) == close) fail(r, "JSON: a comma too many");
  *first = false;
  return !r->wrong;
}

static bool begin(reader *r, char open) {
  if (!next(r, open)) { fail(r, open == '{' ? "JSON: want an object" : "JSON: want an array"); return false; }
  if (++r->depth > deepest) { fail(r, "JSON: too deep"); return false; }
  return true;
}

static ww_str key(reader *r) {
  peek(r);
  ww_str k = text(r);
  if (!next(r, ':')) fail(r, "JSON: want a colon");
  return k;
}

static bool truth(reader *r) {
  char c = peek(r);
  if (c == 't' && word(r, "true")) return true;
  if (c != 'f' || !word(r, "false")) fail(r, "JSON: want true or false");
  return false;
}

static void value(reader *r, ww_value *v) {
  bool first = true;
  switch (peek(r)) {
    case '{':
      v->kind = WW_DICT;
      if (begin(r, '{'))
        while (more(r, '}', &first)) {
          ww_str k = key(r);
          ww_value *e = WW_ADD(v->list);
          e->key = k;
          value(r, e);
        }
      break;
    case '[':
      v->kind = WW_ARRAY;
      if (begin(r, '['))
        while (more(r, ']', &first)) value(r, WW_ADD(v->list));
      break;
    case '"': v->kind = WW_STRING; v->text = text(r); break;
    case 't': case 'f': v->kind = truth(r) ? WW_TRUE : WW_FALSE; break;
    case 'n': if (!word(r, "null")) fail(r, "JSON: want null"); break;
    default: v->kind = WW_DIGITS; v->text = number(r);
  }
}

static bool ended(reader *r) {
  if (peek(r)) fail(r, "JSON: something follows the end");
  return !r->wrong;
}

const ww_value *ww_parse(ww_str s) {
  reader r = {s.at, s.at + s.len, 0, 0};
  ww_value *v = ww_new(sizeof *v);
  value(&r, v);
  return ended(&r) ? v : 0;
}

const ww_value *ww_get(const ww_value *v, const char *name) {
  static const ww_value none;
  ww_str k = {name, __builtin_strlen(name)};
  if (v->kind == WW_DICT)
    for (size_t i = 0; i < v->list.len; i++)
      if (ww_same(v->list.at[i].key, k)) return &v->list.at[i];
  return &none;
}

static void strs(reader *r, ww_strs *l) {
  bool first = true;
  if (begin(r, '['))
    while (more(r, ']', &first)) *WW_ADD(*l) = text(r);
}

static void record(reader *r, const ww_shape *shape, char *into);

static void field(reader *r, const ww_field *f, char *p) {
  bool first = true;
  if (peek(r) == 'n' && word(r, "null")) return; /* the same as nothing */
  switch ((ww_type)f->type) {
    case WW_TEXT: *(ww_str *)p = text(r); break;
    case WW_TRUTH: *(bool *)p = truth(r); break;
    case WW_WHOLE: {
      ww_int *n = (ww_int *)p;
      n->known = ww_to_int(number(r), &n->value);
      if (!n->known) fail(r, "JSON: want a whole number");
      break;
    }
    case WW_NUMBER: {
      ww_num *n = (ww_num *)p;
      n->known = ww_to_num(number(r), &n->value);
      if (!n->known) fail(r, "JSON: a number out of range");
      break;
    }
    case WW_OBJECT: {
      char *o = ww_new(f->of->size);
      *(char **)p = o;
      record(r, f->of, o);
      break;
    }
    case WW_TEXT_LIST: strs(r, (ww_strs *)p); break;
    case WW_NUMBER_LIST:
      if (begin(r, '['))
        while (more(r, ']', &first))
          if (!ww_to_num(number(r), WW_ADD(*(ww_nums *)p))) fail(r, "JSON: a number out of range");
      break;
    case WW_LIST_LIST:
      if (begin(r, '['))
        while (more(r, ']', &first)) strs(r, WW_ADD(*(ww_lists *)p));
      break;
    case WW_OBJECT_LIST:
      if (begin(r, '['))
        while (more(r, ']', &first)) record(r, f->of, ww_grow(p, f->of->size));
      break;
    case WW_TEXT_DICT:
      if (begin(r, '{'))
        while (more(r, '}', &first)) {
          ww_str k = key(r);
          *WW_ADD(*(ww_texts *)p) = (ww_text_pair){k, text(r)};
        }
      break;
    case WW_TRUTH_DICT:
      if (begin(r, '{'))
        while (more(r, '}', &first)) {
          ww_str k = key(r);
          *WW_ADD(*(ww_flags *)p) = (ww_flag_pair){k, truth(r)};
        }
  }
}

static bool named(ww_str k, const char *name) {
  size_t i = 0;
  for (; i < k.len; i++)
    if (name[i] != k.at[i] || !name[i]) return false;
  return !name[i];
}

static void record(reader *r, const ww_shape *shape, char *into) {
  bool first = true;
  if (!begin(r, '{')) return;
  while (more(r, '}', &first)) {
    ww_str k = key(r);
    const ww_field *f = shape->fields, *last = f + shape->len;
    while (f < last && !named(k, f->name)) f++;
    if (f < last) field(r, f, into + f->offset);
    else { ww_value v = {0}; value(r, &v); } /* of a newer host */
  }
}

const char *ww_decode(ww_str s, const ww_shape *shape, void *into) {
  reader r = {s.at, s.at + s.len, 0, 0};
  record(&r, shape, into);
  ended(&r);
  return r.wrong;
}
