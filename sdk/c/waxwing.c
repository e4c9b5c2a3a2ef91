/* The host's functions, the memory, and the way of a call. */

#include "waxwing.h"

__attribute__((import_module("ww_1"), import_name("log"))) void ww_1_log(int32_t level, const char *at, size_t len);
__attribute__((import_module("ww_1"), import_name("fail"))) void ww_1_fail(int32_t code, const char *at, size_t len);

void ww_debug(ww_str s) { ww_1_log(0, s.at, s.len); }
void ww_info(ww_str s) { ww_1_log(1, s.at, s.len); }
void ww_warn(ww_str s) { ww_1_log(2, s.at, s.len); }
void ww_error(ww_str s) { ww_1_log(3, s.at, s.len); }

_Noreturn void ww_fail(ww_str s) {
  ww_1_fail(1, s.at, s.len);
  __builtin_trap(); /* the host does not return */
}

_Noreturn void ww_wrong(const char *what) { ww_fail((ww_str){what, __builtin_strlen(what)}); }

/* The memory that the module has from the start comes first: an instance whose
   memory grew costs the host a new one. */
extern char __heap_base;
static uintptr_t next, end;
enum { page = 65536 };

static void *take(size_t size) {
  if (!next) {
    next = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
    end = __builtin_wasm_memory_size(0) * page;
  }
  if (size > UINT32_MAX - 8 - next) ww_wrong("out of memory");
  uintptr_t at = next;
  next += (size + 7) & ~(size_t)7;
  if (next > end) {
    size_t pages = (next - end + page - 1) / page;
    if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) ww_wrong("out of memory");
    end += pages * page;
  }
  return (void *)at;
}

/* The host gives zeroed memory, and nothing is used twice. */
void *ww_new(size_t size) { return take(size); }

__attribute__((export_name("ww_abi_1"))) void ww_abi_1(void) {}
__attribute__((export_name("ww_alloc"))) void *ww_alloc(size_t len) { return take(len ? len : 1); }

uint64_t ww_answer(bool say, const ww_shape *shape, const void *out) {
  ww_str s = say ? ww_encode(shape, out) : WW_STR("{}");
  return (uint64_t)(uintptr_t)s.at << 32 | s.len;
}

/* clang calls these, whatever a program does. */
void *memcpy(void *to, const void *from, size_t n) {
  char *t = to;
  const char *f = from;
  while (n--) *t++ = *f++;
  return to;
}
void *memset(void *to, int c, size_t n) {
  char *t = to;
  while (n--) *t++ = (char)c;
  return to;
}
int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (; n; n--, x++, y++)
    if (*x != *y) return *x < *y ? -1 : 1;
  return 0;
}
size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}
