//! Dates and money as the confirmation's language writes them.

use crate::{Money, TextFormat};

/// Writes a day ("2026-11-28", or a time of RFC 3339) as the confirmation's language
/// does: "November 28, 2026". `f` is `input.format`; where it is none, or `day` is no
/// day, `day` comes back as it is.
pub fn format_date(f: &Option<TextFormat>, day: &str) -> String {
    f.as_ref().and_then(|f| format_day(f, &f.date, day)).unwrap_or_else(|| day.to_string())
}

/// [`format_date`] with the weekday: "Sat, November 28, 2026".
pub fn format_weekday(f: &Option<TextFormat>, day: &str) -> String {
    f.as_ref().and_then(|f| format_day(f, &f.weekday, day)).unwrap_or_else(|| day.to_string())
}

fn format_day(f: &TextFormat, pattern: &str, day: &str) -> Option<String> {
    let b = day.as_bytes();
    if b.len() < 10 || b[4] != b'-' || b[7] != b'-' {
        return None;
    }
    let figures = |from: usize, to: usize| {
        b[from..to].iter().try_fold(0usize, |n, c| if c.is_ascii_digit() { Some(n * 10 + (c - b'0') as usize) } else { None })
    };
    let (y, m, d) = (figures(0, 4)?, figures(5, 7)?, figures(8, 10)?);
    if !(1..=12).contains(&m) || !(1..=31).contains(&d) || f.months.len() != 12 || f.weekdays.len() != 7 {
        return None;
    }
    let w = if m < 3 { y.max(1) - 1 } else { y };
    let w = (w + w / 4 - w / 100 + w / 400 + [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][m - 1] + d) % 7;
    Some(
        pattern
            .replace("{year}", &y.to_string())
            .replace("{day}", &d.to_string())
            .replace("{month}", &f.months[m - 1])
            .replace("{weekday}", &f.weekdays[w]),
    )
}

/// Writes an amount as the confirmation's language does: "12,50 €". `f` is
/// `input.format`. Where it is none, or the amount is of another currency than the
/// order, it is amount and code: "12.50 USD".
pub fn format_money(f: &Option<TextFormat>, m: &Money) -> String {
    let (amount, negative) = match m.amount.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (m.amount.as_str(), false),
    };
    let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
    let figures = |s: &str| s.bytes().all(|c| c.is_ascii_digit());
    let x = match f.as_ref().and_then(|f| f.money.as_ref()) {
        Some(x) if x.currency == m.currency && !whole.is_empty() && figures(whole) && figures(decimals) => x,
        _ => return format!("{} {}", m.amount, m.currency),
    };
    let mut out = String::from(if negative { &x.before_negative } else { &x.before });
    let grouped = whole.len() as i64 >= 3 + x.min_group;
    for (i, c) in whole.chars().enumerate() {
        if grouped && i > 0 && (whole.len() - i) % 3 == 0 {
            out.push_str(&x.group);
        }
        out.push(c);
    }
    let decimals = if decimals.trim_matches('0').is_empty() { "" } else { decimals };
    if !decimals.is_empty() || x.decimals > 0 {
        out.push_str(&x.point);
        out.push_str(decimals);
        for _ in decimals.len() as i64..x.decimals {
            out.push('0');
        }
    }
    out.push_str(if negative { &x.after_negative } else { &x.after });
    out
}
