// Writes ../cldr_data.go, ../regions.tsv and ../testdata/icu.json from the ICU inside node.
// Run it by hand where the ICU changes: node locales/gen/cldr.mjs
// The formatters in Go know only the tables written here; the golden file and
// the random test (which asks node again) prove them equal to ICU's.
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

const here = path.dirname(new URL(import.meta.url).pathname);
// The locales that have a whole catalogue, in the order in which they are offered: a new one is a line here.
const whole = [
  'en',
  'de',
  'fr',
  'es',
  'it',
  'pt-BR',
  'nl',
  'pl',
  'sv',
  'ja',
  'zh-Hans',
  'ar',
];
// The variants of them: they share the texts of their base but for those of their own catalogue, if they have one.
const variants = {
  'en-GB': 'en',
  'en-AU': 'en',
  'en-CA': 'en',
  'de-AT': 'de',
  'de-CH': 'de',
  'fr-CA': 'fr',
  'fr-CH': 'fr',
  'es-MX': 'es',
  'pt-PT': 'pt-BR',
  'zh-Hant': 'zh-Hans',
};
export const tags = [...whole, ...Object.keys(variants)];
const currencies = Intl.supportedValuesOf('currency');
const q = s => '"' + [...s].map(c => {
  const n = c.codePointAt(0);
  if (c === '"' || c === '\\') return '\\' + c;
  // Marks and spaces that an editor does not show are written as escapes.
  if (n < 32 || (n >= 0x7f && n <= 0xa0) || (n >= 0x2000 && n <= 0x206f) || n === 0x61c || n === 0xfeff || n === 0x3000)
    return '\\u' + n.toString(16).padStart(4, '0');
  return c;
}).join('') + '"';

// affixes returns what stands before and after the digits.
function affixes(parts) {
  const first = parts.findIndex(p => p.type === 'integer');
  let last = first;
  parts.forEach((p, i) => { if (['integer', 'group', 'decimal', 'fraction'].includes(p.type)) last = i; });
  const text = (ps) => ps.map(p => p.type === 'currency' ? '¤' : p.value).join('');
  return [text(parts.slice(0, first)), text(parts.slice(last + 1))];
}

function money(tag) {
  const templates = [], lines = [];
  for (const code of currencies) {
    const f = new Intl.NumberFormat(tag, { style: 'currency', currency: code });
    const pos = f.formatToParts(7), neg = f.formatToParts(-7);
    const t = [...affixes(pos), ...affixes(neg)];
    let i = templates.findIndex(x => x.join('|') === t.join('|'));
    if (i < 0) i = templates.push(t) - 1;
    lines.push([code, i, pos.find(p => p.type === 'currency').value]);
  }
  // The template of codes that show as themselves is the one for unknown codes.
  const plain = lines.find(l => l[0] === l[2])[1];
  return {
    plain,
    templates: templates.map(t => '{' + t.map(q).join(', ') + '}').join(', '),
    symbols: lines.filter(l => l[0] !== l[2] || l[1] !== plain).map(l => `${l[0]}${l[1]}${l[2]}`).join('\t'),
  };
}

// The date styles as Intl's options. Weekday is for the days on which something
// happens to the customer: one sees at once whether she is at home.
const styles = {
  long: { dateStyle: 'long', timeZone: 'UTC' },
  medium: { dateStyle: 'medium', timeZone: 'UTC' },
  weekday: { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' },
};
// Ranges that are not CLDR's: it falls back to slashes in Japanese and Chinese,
// beside dates that are written with characters, has a leading zero in Swedish, and
// says the year twice in Portugal. Same month, same year, other years.
const han = (e, to) => ({
  long: [`y年M月d日|${to}d日`, `y年M月d日|${to}M月d日`, `y年M月d日|${to}y年M月d日`],
  weekday: [`y年M月d日${e}|${to}d日${e}`, `y年M月d日${e}|${to}M月d日${e}`, `y年M月d日${e}|${to}y年M月d日${e}`],
});
const sv = ['EEE d MMMM\u2013|EEE d MMMM y', 'EEE d MMMM\u2013|EEE d MMMM y', 'EEE d MMMM y\u2013|EEE d MMMM y'];
const de = "'de'", pt = [`EEE, d ${de} MMMM \u2013 |EEE, d ${de} MMMM ${de} y`, `EEE, d ${de} MMMM \u2013 |EEE, d ${de} MMMM ${de} y`,
  `EEE, d ${de} MMMM ${de} y \u2013 |EEE, d ${de} MMMM ${de} y`];
const ourRanges = { ja: han('(EEE)', '～'), 'zh-Hans': han('EEE', '至'), 'zh-Hant': han('EEE', '至'), sv: { weekday: sv }, 'pt-PT': { weekday: pt } };

const day = (y, m, d) => new Date(Date.UTC(y, m - 1, d, 12));
// pattern turns formatted parts into a pattern: d dd, M MM, MMM (medium name), MMMM (long name), y.
function pattern(parts, date, names) {
  const m = date.month, d = date.day;
  return parts.map(p => {
    if (p.type === 'day') return p.value.length > String(d).length ? 'dd' : 'd';
    if (p.type === 'year') return 'y';
    if (p.type === 'weekday') return 'EEE';
    if (p.type !== 'month') return /[dMyE']/.test(p.value) ? "'" + p.value + "'" : p.value;
    if (p.value === names.long[m - 1]) return 'MMMM';
    if (p.value === names.medium[m - 1]) return 'MMM';
    if (p.value === String(m)) return 'M';
    if (p.value === '0' + m) return 'MM';
    throw new Error(`month ${p.value}`);
  }).join('');
}
function dates(tag) {
  const f = s => new Intl.DateTimeFormat(tag, styles[s]);
  const out = { names: {} };
  // 4 January 2026 is a Sunday.
  out.weekdays = Array.from({ length: 7 }, (_, i) => f('weekday').formatToParts(day(2026, 1, 4 + i)).find(p => p.type === 'weekday').value);
  for (const s of ['long', 'medium']) {
    out.names[s] = Array.from({ length: 12 }, (_, i) => f(s).formatToParts(day(2026, i + 1, 5)).find(p => p.type === 'month').value);
    if (/^\d+$/.test(out.names[s][0])) out.names[s] = null;
  }
  // Ranges may use abbreviated names where a single medium date has digits.
  const short = Array.from({ length: 12 }, (_, i) => new Intl.DateTimeFormat(tag, { year: 'numeric', month: 'short', day: 'numeric', timeZone: 'UTC' }).formatToParts(day(2026, i + 1, 5)).find(p => p.type === 'month').value);
  const names = { long: out.names.long ?? short, medium: out.names.medium ?? short };
  out.names = names;
  for (const s of Object.keys(styles)) {
    out[s] = pattern(f(s).formatToParts(day(2026, 1, 5)), { month: 1, day: 5 }, names);
    out[s + 'Range'] = ourRanges[tag]?.[s] ?? [[2026, 1, 8], [2026, 4, 7], [2027, 2, 6]].map(([y, m, d]) => {
      const parts = f(s).formatRangeToParts(day(2026, 1, 5), day(y, m, d));
      const cut = parts.findIndex(p => p.source === 'endRange');
      // A shared part before the second date belongs to the first.
      const a = pattern(parts.slice(0, cut), { month: 1, day: 5 }, names);
      const b = pattern(parts.slice(cut), { month: m, day: d }, names);
      return a + '|' + b;
    });
  }
  return out;
}

function goFile() {
  let s = `// Code generated by locales/gen/cldr.mjs from ICU ${process.versions.icu} (CLDR ${process.versions.cldr}); DO NOT EDIT.\n\npackage locales\n\n`;
  const digits = currencies.map(c => [c, new Intl.NumberFormat('en', { style: 'currency', currency: c }).resolvedOptions().maximumFractionDigits]).filter(x => x[1] !== 2);
  s += `// icuDigits lists the currencies that ICU shows with other than two decimals.\nconst icuDigits = "${digits.map(x => x[0] + x[1]).join(' ')}"\n\n`;
  s += `// icuCodes lists every currency that ICU knows.\nconst icuCodes = "${currencies.join(' ')}"\n\n`;
  s += `// icuTables holds one table a locale, in the order in which they are offered.\nvar icuTables = [...]icuTable{\n`;
  for (const tag of tags) {
    const n = new Intl.NumberFormat(tag), parts = n.formatToParts(-1234567.5);
    const part = t => parts.find(p => p.type === t)?.value ?? '';
    const minGroup = new Intl.NumberFormat(tag).format(1234).length > 4 ? 1 : 2;
    const pc = new Intl.NumberFormat(tag, { style: 'percent' });
    const d = dates(tag), m = money(tag);
    const mp = new Intl.NumberFormat(tag, { style: 'currency', currency: 'EUR' }).formatToParts(1234567.5), mpart = t => mp.find(p => p.type === t)?.value ?? '';
    s += `\t{\n\t\ttag: "${tag}",${variants[tag] ? ` base: "${variants[tag]}",` : ''} minGroup: ${minGroup}, group: ${q(part('group'))}, decimal: ${q(part('decimal'))},\n`;
    s += `\t\tmoneyGroup: ${q(mpart('group'))}, moneyDecimal: ${q(mpart('decimal'))},\n`;
    s += `\t\tminus: ${q(affixes(parts)[0])}, percent: [4]string{${[...affixes(pc.formatToParts(0.07)), ...affixes(pc.formatToParts(-0.07))].map(q).join(', ')}},\n`;
    s += `\t\taffixes: [][4]string{${m.templates}}, plain: ${m.plain},\n`;
    s += `\t\tsymbols: ${q(m.symbols).replaceAll('\\u0009', '\\t')},\n`;
    s += `\t\tlongMonths: ${q(d.names.long.join('\t')).replaceAll('\\u0009', '\\t')},\n\t\tmediumMonths: ${q(d.names.medium.join('\t')).replaceAll('\\u0009', '\\t')},\n`;
    s += `\t\tweekdays: ${q(d.weekdays.join('\t')).replaceAll('\\u0009', '\\t')},\n`;
    s += `\t\tlong: ${q(d.long)}, medium: ${q(d.medium)}, weekday: ${q(d.weekday)},\n`;
    s += `\t\tlongRange: [3]string{${d.longRange.map(q).join(', ')}},\n\t\tmediumRange: [3]string{${d.mediumRange.map(q).join(', ')}},\n\t\tweekdayRange: [3]string{${d.weekdayRange.map(q).join(', ')}},\n\t},\n`;
  }
  return s + '}\n';
}

// golden holds what ICU says of fixed values; answer() the same for any.
const shown = 'USD EUR GBP JPY KWD BHD CNY BRL PLN SEK CHF INR CLP ISK HUF KRW MXN CAD AUD NZD AED SAR EGP TRY NOK DKK CZK RON BGN ILS ZAR THB SGD HKD TWD PHP IDR MYR VND COP ARS PEN UAH QAR OMR JOD TND MAD XAF NGN'.split(' ');
export function answer(kind, tag, a, b, c) {
  const date = s => new Date(s + 'T12:00:00Z');
  switch (kind) {
    case 'money': {
      // An amount that ICU would round is shown with all its decimals: rows must add up.
      const digits = /\.\d*[1-9]/.test(b) ? { minimumFractionDigits: b.split('.')[1].length } : {};
      return new Intl.NumberFormat(tag, { style: 'currency', currency: a, ...digits }).format(b);
    }
    case 'number': return new Intl.NumberFormat(tag).format(a);
    case 'percent': return new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 3 }).format(a);
    case 'date': return new Intl.DateTimeFormat(tag, styles[a]).format(date(b));
    case 'range': return ourRanges[tag]?.[a] && b < c ? null : new Intl.DateTimeFormat(tag, styles[a]).formatRange(date(b), date(c));
    case 'plural': return new Intl.PluralRules(tag).select(a);
    case 'categories': return new Intl.PluralRules(tag).resolvedOptions().pluralCategories.sort().join(' ');
  }
}
function golden() {
  const asks = [];
  for (const tag of tags) {
    asks.push(['categories', tag]);
    for (const c of shown) {
      const dec = { JPY: 0, CLP: 0, ISK: 0, KRW: 0, VND: 0, XAF: 0, KWD: 3, BHD: 3, OMR: 3, JOD: 3, TND: 3 }[c] ?? 2;
      const amount = n => { const s = String(n).padStart(dec + 1, '0'); return dec ? s.slice(0, -dec) + '.' + s.slice(-dec) : s; };
      for (const n of [0, 123450, 987654321]) asks.push(['money', tag, c, amount(n)]);
      asks.push(['money', tag, c, '-' + amount(199)]);
    }
    for (const n of ['0', '7', '999', '1000', '9999', '10000', '1234567', '-1234']) asks.push(['number', tag, n]);
    for (const n of ['0', '0.07', '0.19', '0.081', '0.0775', '0.08875', '0.055', '1', '0.000005', '-0.2']) asks.push(['percent', tag, n]);
    for (const n of [0, 1, 2, 3, 4, 5, 7, 10, 11, 12, 13, 14, 20, 21, 22, 25, 99, 100, 101, 102, 103, 111, 112, 1000, 1002, 1000000, 2000000]) asks.push(['plural', tag, n]);
    for (const s of Object.keys(styles)) {
      for (let m = 1; m <= 12; m++) asks.push(['date', tag, s, `2026-${String(m).padStart(2, '0')}-${String(1 + (m * 7) % 28).padStart(2, '0')}`]);
      for (const [a, b] of [['2026-03-12', '2026-03-15'], ['2026-03-01', '2026-03-04'], ['2026-02-27', '2026-03-02'], ['2026-04-30', '2026-05-11'], ['2026-12-30', '2027-01-02'], ['2026-06-05', '2026-06-05'], ['2026-08-09', '2026-09-10']]) asks.push(['range', tag, s, a, b]);
    }
  }
  return `{"icu": "${process.versions.icu}", "cases": [\n` + asks.map(a => [...a, answer(...a)]).filter(a => a.at(-1) !== null).map(a => JSON.stringify(a)).join(',\n') + '\n]}\n';
}

// regions lists the countries' names: a line of codes, then a line a locale.
function regions() {
  const A = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', en = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  const codes = [...A].flatMap(a => [...A].map(b => a + b)).filter(c => {
    // Two letters that are no country: groups, reserved codes and private use.
    if (/^(EU|EZ|UN|QO|XA|XB|ZZ|CQ|AA|X[C-Z]|Q[M-Z]|AN|BU|CS|CT|DD|DY|FQ|FX|HV|JT|MI|NH|NQ|NT|PC|PU|PZ|RH|SU|TP|UK|VD|WK|YD|YU|ZR)$/.test(c) && !['QA', 'XK'].includes(c)) return false;
    return en.of(c);
  });
  const line = tag => { const n = new Intl.DisplayNames(tag, { type: 'region' }); return [tag, ...codes.map(c => n.of(c))].join('\t'); };
  return [['#', ...codes].join('\t'), ...tags.map(line)].join('\n') + '\n';
}

if (process.argv[2] === 'answer') {
  // Reads one JSON question a line and answers each with one JSON string.
  const asks = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean).map(x => JSON.parse(x));
  process.stdout.write(asks.map(a => JSON.stringify(answer(...a))).join('\n') + '\n');
} else {
  fs.writeFileSync(path.join(here, '../cldr_data.go'), goFile());
  execFileSync('gofmt', ['-w', path.join(here, '../cldr_data.go')]);
  fs.writeFileSync(path.join(here, '../regions.tsv'), regions());
  fs.writeFileSync(path.join(here, '../testdata/icu.json'), golden());
}
