/* What a Waxwing plugin in C includes. A plugin gives a function for each hook:

     static bool predict_delay(const ww_input *in, ww_predict_delay_output *out) {
       return false;
     }
     WW_PREDICT_DELAY(predict_delay)

   true: what out says counts; false: there is nothing to say. Nothing survives
   from one call to the next, and nothing needs to be freed. */

#ifndef WAXWING_H
#define WAXWING_H

#include "json.h"
#include "types.h"

/* Write to the plugin's log: at most 4 KiB a call. Name no customers: logs are
   kept longer than orders. */
void ww_debug(ww_str text);
void ww_info(ww_str text);
void ww_warn(ww_str text);
void ww_error(ww_str text);

/* Write a day ("2026-11-28", or a time of RFC 3339) as the confirmation's language
   does: "November 28, 2026", and with its weekday. f is in->format; where it is NULL,
   or day is none, day comes back as it is. */
ww_str ww_format_date(const ww_text_format *f, ww_str day);
ww_str ww_format_weekday(const ww_text_format *f, ww_str day);
/* Writes an amount as the confirmation's language does: "12,50 €". Where f is
   NULL, or the amount is of another currency than the order, it is amount and code. */
ww_str ww_format_money(const ww_text_format *f, const ww_money *m);

/* Ends the call as failed; the confirmation goes out without it. */
_Noreturn void ww_fail(ww_str text);

#define WW_PERSONALISE(f) WW_HOOK(personalise, f, ww_input, ww_personalise_output)
#define WW_RECOMMEND(f) WW_HOOK(recommend, f, ww_input, ww_recommend_output)
#define WW_PREDICT_DELAY(f) WW_HOOK(predict_delay, f, ww_input, ww_predict_delay_output)
#define WW_FILTER(f) WW_HOOK(filter, f, ww_input, ww_filter_output)
#define WW_NORMALISE(f) WW_HOOK(normalise, f, ww_normalise_input, ww_generic_order)

#define WW_HOOK(hook, f, in, out)                                                              \
  __attribute__((export_name("ww_" #hook "_1"))) uint64_t ww_##hook##_1(const char *p, size_t n) { \
    in *i = ww_new(sizeof(in));                                                                \
    out *o = ww_new(sizeof(out));                                                              \
    const char *wrong = ww_decode((ww_str){p, n}, &in##_shape, i);                             \
    if (wrong) ww_wrong(wrong);                                                                \
    return ww_answer(f(i, o), &out##_shape, o);                                                \
  }

_Noreturn void ww_wrong(const char *what);
uint64_t ww_answer(bool say, const ww_shape *shape, const void *out);

#endif
