/* A Waxwing plugin: how late a parcel may be, by the latest parcels on its lane.

   The quantiles of the lane's delays, newer parcels counting for more, are
   shrunk towards what is usual for the carrier's kind of service on such a way:
   three late parcels do not make a late lane. The season before Christmas raises
   what is usual, not what was measured, which holds it already. Below 12 hours
   at the median and 24 hours at the ninth decile it says nothing. */

#include "lane.h"
#include "waxwing.h"

/* How much the usual counts, in parcels. */
static const double doubt = 8;
/* Parcels that are this many newer count twice as much. */
static const double half_life = 40;
enum { most = 200 };

typedef struct {
  double hours, weight;
} parcel;

static void sort(parcel *p, size_t n) {
  for (size_t gap = n / 2; gap; gap /= 2)
    for (size_t i = gap; i < n; i++) {
      parcel x = p[i];
      size_t j = i;
      for (; j >= gap && p[j - gap].hours > x.hours; j -= gap) p[j] = p[j - gap];
      p[j] = x;
    }
}

/* quantile interpolates between the middles of the weights. */
static double quantile(const parcel *p, size_t n, double total, double q) {
  double want = q * total, sum = 0, before = 0;
  for (size_t i = 0; i < n; i++) {
    double middle = sum + p[i].weight / 2;
    if (middle >= want) {
      if (!i) return p[0].hours;
      double part = (want - before) / (middle - before);
      return p[i - 1].hours + part * (p[i].hours - p[i - 1].hours);
    }
    before = middle;
    sum += p[i].weight;
  }
  return p[n - 1].hours;
}

static double within(double hours) { return hours < 0 ? 0 : hours > 720 ? 720 : hours; }
/* Half hours: more would be a promise. */
static double rounded(double hours) { return (double)(int64_t)(within(hours) * 2 + 0.5) / 2; }

static double setting(const ww_input *in, ww_str key, double otherwise) {
  ww_str s = ww_find(in->config, key);
  double n;
  if (!s.len) return otherwise;
  if (!ww_to_num(s, &n)) ww_fail(WW_CAT(WW_STR("config: "), key, WW_STR(" is no number")));
  return n;
}

/* nothing_travels: a pickup, or an order of downloads and gift cards alone. */
static bool nothing_travels(const ww_input *in) {
  if (in->delivery && in->delivery->pickup) return true;
  for (size_t i = 0; i < in->items.len; i++)
    if (!in->items.at[i].digital && !in->items.at[i].gift_card) return false;
  return in->items.len > 0;
}

static bool predict_delay(const ww_input *in, ww_predict_delay_output *out) {
  if (!in->lane || !in->lane->delays_h.len || nothing_travels(in)) return false;
  static parcel parcels[most];
  size_t n = 0;
  double total = 0, weight = 1, less = 1 - 0.693147 / half_life;
  for (size_t i = 0; i < in->lane->delays_h.len && n < most; i++, weight *= less) {
    double h = in->lane->delays_h.at[i];
    if (h < -720 || h > 720) continue; /* lost, or an error of the carrier's */
    parcels[n++] = (parcel){h, weight};
    total += weight;
  }
  if (!n) return false;
  sort(parcels, n);

  moment when = moment_of(in->order && in->order->placed_at.len ? in->order->placed_at : in->at);
  way w = way_of(in->lane, in->shipping ? in->shipping->country : (ww_str){"", 0});
  usual u = usual_for(in->lane, w, season_of(when));
  double seen50 = quantile(parcels, n, total, 0.5), seen90 = quantile(parcels, n, total, 0.9);
  double p50 = (total * seen50 + doubt * u.p50) / (total + doubt);
  double p90 = (total * seen90 + doubt * u.p90) / (total + doubt);
  double wait = weekend_wait(when) * setting(in, WW_STR("weekend"), 1);
  double closed = holiday_wait(when);
  p90 += wait > closed ? wait : closed;
  if (p90 < p50) p90 = p50;
  if (p50 < setting(in, WW_STR("notable_p50"), 12) && p90 < setting(in, WW_STR("notable_p90"), 24)) return false;

  out->p50_hours = WW_NUM(rounded(p50));
  out->p90_hours = WW_NUM(rounded(p90));
  if (closed > 0) out->reason = WW_DELAY_REASON_HOLIDAY;
  else if (w == across_customs && seen90 >= 24) out->reason = WW_DELAY_REASON_CUSTOMS;
  else if (season_of(when) == busy) out->reason = WW_DELAY_REASON_VOLUME;
  else if (seen50 >= 12 || seen90 >= 24) out->reason = WW_DELAY_REASON_CARRIER;
  else out->reason = WW_DELAY_REASON_OTHER;
  return true;
}
WW_PREDICT_DELAY(predict_delay)
