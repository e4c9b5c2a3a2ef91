/* Texts, lists and JSON for plugins in C, without a C library. Nothing is ever
   freed: the host resets the instance after each call. */

#ifndef WAXWING_JSON_H
#define WAXWING_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text of UTF-8, not ended by a zero. Empty: not given. */
typedef struct {
  const char *at;
  size_t len;
} ww_str;

#define WW_STR(literal) ((ww_str){literal, sizeof(literal) - 1})

/* Numbers that may be unknown. */
typedef struct {
  int64_t value;
  bool known;
} ww_int;
typedef struct {
  double value;
  bool known;
} ww_num;

#define WW_INT(v) ((ww_int){(v), true})
#define WW_NUM(v) ((ww_num){(v), true})

typedef struct {
  ww_str *at;
  size_t len;
} ww_strs;
typedef struct {
  double *at;
  size_t len;
} ww_nums;
typedef struct {
  ww_strs *at;
  size_t len;
} ww_lists;
typedef struct {
  ww_str key, value;
} ww_text_pair;
typedef struct {
  ww_text_pair *at;
  size_t len;
} ww_texts;
typedef struct {
  ww_str key;
  bool value;
} ww_flag_pair;
typedef struct {
  ww_flag_pair *at;
  size_t len;
} ww_flags;

/* Zeroed memory. */
void *ww_new(size_t size);

/* Adds a zeroed element to any list: WW_ADD(out->skus)[0] = sku; */
#define WW_ADD(list) ((__typeof__((list).at))ww_grow(&(list), sizeof *(list).at))
void *ww_grow(void *list, size_t size);

bool ww_same(ww_str a, ww_str b);
/* The value of a key, empty where there is none. */
ww_str ww_find(ww_texts t, ww_str key);

/* Joins texts: WW_CAT(WW_STR("Hello, "), name). */
#define WW_CAT(...) ww_cat((const ww_str[]){__VA_ARGS__}, sizeof((const ww_str[]){__VA_ARGS__}) / sizeof(ww_str))
ww_str ww_cat(const ww_str *parts, size_t n);
ww_str ww_from_int(int64_t n);
/* A whole number with leading zeros: ww_padded(5, 2) is "05". */
ww_str ww_padded(int64_t n, int digits);

/* Makes a text of any origin fit for a subject or a greeting, where a control
   character or a text that is too long is refused: controls and line breaks become
   spaces, and what is beyond most characters is cut off. */
ww_str ww_line(ww_str s, size_t most);

/* Read the whole text as a number; false where it is none. */
bool ww_to_int(ww_str s, int64_t *out);
bool ww_to_num(ww_str s, double *out);

/* JSON of any form, for events of a shop. Numbers stay as they are written. */
typedef enum { WW_NULL, WW_FALSE, WW_TRUE, WW_DIGITS, WW_STRING, WW_ARRAY, WW_DICT } ww_kind;
typedef struct ww_value ww_value;
struct ww_value {
  ww_kind kind;
  ww_str text;   /* of a number or a text */
  ww_str key;    /* where it stands in an object */
  struct {
    ww_value *at;
    size_t len;
  } list; /* of an array or an object */
};
/* NULL where it is no JSON. */
const ww_value *ww_parse(ww_str s);
/* The value of a key; a null where there is none, so that calls can be nested. */
const ww_value *ww_get(const ww_value *v, const char *key);

/* How a struct is read and written; the generated types have one each. */
typedef enum {
  WW_TEXT, WW_TRUTH, WW_WHOLE, WW_NUMBER, WW_OBJECT, WW_TEXT_LIST, WW_NUMBER_LIST, WW_LIST_LIST,
  WW_OBJECT_LIST, WW_TEXT_DICT, WW_TRUTH_DICT
} ww_type;
typedef struct ww_shape ww_shape;
typedef struct {
  const char *name;
  uint16_t offset;
  uint8_t type, required;
  const ww_shape *of;
} ww_field;
struct ww_shape {
  const ww_field *fields;
  size_t len, size;
};
/* NULL, or what is wrong. */
const char *ww_decode(ww_str s, const ww_shape *shape, void *into);
ww_str ww_encode(const ww_shape *shape, const void *from);

#endif
