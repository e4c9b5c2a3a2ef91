/* What is usual: of ways, services, seasons and days. */

#ifndef LANE_H
#define LANE_H

#include "waxwing.h"

typedef enum { at_home, within_union, across_customs } way;
typedef enum { quiet, busy } season;

/* A day and hour, as the shop's clock shows them. */
typedef struct {
  int year, month, day, hour;
  int weekday; /* 0: Sunday */
} moment;

/* Quantiles of the delay in hours. */
typedef struct {
  double p50, p90;
} usual;

moment moment_of(ww_str rfc3339);
season season_of(moment m);
way way_of(const ww_lane *lane, ww_str country);
usual usual_for(const ww_lane *lane, way w, season s);
/* Hours that a parcel may lie still since the day is what it is. */
double weekend_wait(moment m);
double holiday_wait(moment m);

#endif
