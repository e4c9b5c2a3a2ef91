// A Waxwing plugin: a greeting of the season or of a holiday, by the country that
// the parcel goes to, the day there and the language of the mail. In December it
// says whether the parcel comes before Christmas. Where it has no words it says
// nothing: the template's own are better than half a mail in another language.

/** @type {import("../waxwing/waxwing").Personalise} */
function personalise(input) {
  const words = wordsFor(input.locale ?? "");
  const country = (input.shipping?.country ?? "").toUpperCase();
  if (!words || !country) return {};
  const day = localDay(input);
  const season = seasonOf(country, day.getUTCMonth());
  const holiday = holidaysOf(country, day).find((h) => words[h]) ?? "";
  const key = holiday || season;
  if (!key || !words[key]) return {};

  const out = {
    greeting: fill(words, words[key], cleanName(input.customer?.first_name ?? "")),
    vars: {},
    blocks: {},
  };
  if (season) {
    out.vars.season = season;
    out.blocks[season] = true;
  }
  if (holiday) {
    out.vars.holiday = holiday;
    out.blocks[holiday] = true;
    const to = input.delivery?.to;
    if (holiday === "christmas" && to && !input.delivery.pickup && day.getUTCDate() <= 24) {
      const inTime = to <= `${day.getUTCFullYear()}-12-24`;
      out.vars.message = inTime ? words.in_time : words.late;
      out.blocks.before_christmas = inTime;
    }
  }
  return out;
}

// localDay is midnight UTC of the customer's day: the shop's offset tells it
// where it is given.
function localDay(input) {
  const day = (input.order?.placed_at ?? input.at).slice(0, 10);
  return new Date(day + "T00:00:00Z");
}

const SOUTH = "AR AU BO BW CL FJ LS MG MW MZ NA NC NZ PY RE SZ UY ZA ZM ZW BR PE".split(" ");
// Near the equator there is no spring to speak of.
const TROPICS = "BJ BN BB CI CM CO CR DO EC ET GA GH GT HN HT ID IN JM KE KH LA LK MM MV MY NG NI PA PH SG SN SR SV TG TH TT TZ UG VE VN AE OM QA BH KW SA".split(" ");

function seasonOf(country, month) {
  if (TROPICS.includes(country)) return "";
  const names = ["winter", "spring", "summer", "autumn"];
  const quarter = Math.floor(((month + 1) % 12) / 3); // December begins the winter
  return names[(quarter + (SOUTH.includes(country) ? 2 : 0)) % 4];
}

const CHRISTMAS = "AD AR AT AU BE BO BR CA CH CL CO CR CY CZ DE DK DO EC EE ES FI FR GB GR GT HN HR HU IE IS IT JM KR LI LT LU LV MC MT MX NL NO NZ PA PE PH PL PT PY RO SE SI SK SV US UY VE ZA".split(" ");
// The Orthodox Easter is another day.
const EASTER = CHRISTMAS.filter((c) => !["CY", "GR", "KR", "RO"].includes(c));
// Here the year begins with another calendar, or on another day of rest.
const NO_NEW_YEAR = "AE BH ET IR KW OM QA SA IL".split(" ");

// Feasts by the moon, as days of the common calendar. Those that are sighted may
// move by a day, which their length forgives.
const MOON = {
  lunar_new_year: { lands: "CN HK MO SG TW", length: 8, days: ["2026-02-17", "2027-02-06", "2028-01-26", "2029-02-13", "2030-02-03", "2031-01-23", "2032-02-11"] },
  eid: { lands: "AE BH DZ EG IQ JO KW LB LY MA OM QA SA TN TR YE", length: 4, days: ["2026-03-20", "2026-05-27", "2027-03-09", "2027-05-16", "2028-02-26", "2028-05-05", "2029-02-14", "2029-04-24", "2030-02-04", "2030-04-13"] },
  diwali: { lands: "IN", length: 3, days: ["2026-11-08", "2027-10-29", "2028-10-17", "2029-11-05", "2030-10-26"] },
};

const DAY = 86400000;

// holidaysOf names the feasts of a day in a country, the nearest of kin first.
function holidaysOf(country, day) {
  const year = day.getUTCFullYear();
  const month = day.getUTCMonth() + 1;
  const date = day.getUTCDate();
  const between = (from, to) => month * 100 + date >= from && month * 100 + date <= to;
  const out = [];
  for (const [name, feast] of Object.entries(MOON)) {
    if (!feast.lands.split(" ").includes(country)) continue;
    if (feast.days.some((d) => day - new Date(d) >= -DAY && day - new Date(d) < feast.length * DAY)) out.push(name);
  }
  if (["NL", "BE"].includes(country) && between(1120, 1205)) out.push("sinterklaas");
  if (country === "US" && month === 11 && near(day, weekday(year, 11, 4, 4), 3, 0)) out.push("thanksgiving");
  if (country === "CA" && month === 10 && near(day, weekday(year, 10, 1, 2), 3, 0)) out.push("thanksgiving");
  if (["SE", "FI"].includes(country) && month === 6 && near(day, weekday(year, 6, 5, 1, 19), 4, 1)) out.push("midsummer");
  if (CHRISTMAS.includes(country) && between(1201, 1226)) out.push("christmas");
  if (!NO_NEW_YEAR.includes(country) && between(101, 105)) out.push("new_year");
  if (EASTER.includes(country) && near(day, easter(year), 7, 1)) out.push("easter");
  return out;
}

function near(day, feast, before, after) {
  const days = (day - feast) / DAY;
  return days >= -before && days <= after;
}

// weekday is the nth given day of the week (0 is Sunday) on or after a date.
function weekday(year, month, which, nth, from = 1) {
  const first = new Date(Date.UTC(year, month - 1, from));
  const ahead = (which - first.getUTCDay() + 7) % 7;
  return new Date(first.getTime() + (ahead + (nth - 1) * 7) * DAY);
}

// easter is the Gregorian Easter Sunday (Meeus, Jones and Butcher).
function easter(year) {
  const a = year % 19, b = Math.floor(year / 100), c = year % 100;
  const d = Math.floor(b / 4), e = b % 4, f = Math.floor((b + 8) / 25), g = Math.floor((b - f + 1) / 3);
  const h = (19 * a + b - d - g + 15) % 30, i = Math.floor(c / 4), k = c % 4;
  const l = (32 + 2 * e + 2 * i - h - k) % 7, m = Math.floor((a + 11 * h + 22 * l) / 451);
  const n = h + l - 7 * m + 114;
  return new Date(Date.UTC(year, Math.floor(n / 31) - 1, (n % 31) + 1));
}

// What stands in brackets is left out where the name is not known.
const WORDS = {
  en: {
    spring: "Spring greetings[, {name}]!", summer: "Summer greetings[, {name}]!", autumn: "Autumn greetings[, {name}]!", winter: "Winter greetings[, {name}]!",
    christmas: "Merry Christmas[, {name}]!", new_year: "Happy New Year[, {name}]!", easter: "Happy Easter[, {name}]!",
    thanksgiving: "Happy Thanksgiving[, {name}]!", lunar_new_year: "Happy Lunar New Year[, {name}]!", eid: "Eid Mubarak[, {name}]!", diwali: "Happy Diwali[, {name}]!", midsummer: "Happy Midsummer[, {name}]!",
    in_time: "Your parcel should be with you before Christmas.", late: "Your parcel may arrive after Christmas Eve.",
  },
  de: {
    spring: "Frühlingsgrüße[, {name}]!", summer: "Sommergrüße[, {name}]!", autumn: "Herbstgrüße[, {name}]!", winter: "Wintergrüße[, {name}]!",
    christmas: "Frohe Weihnachten[, {name}]!", new_year: "Ein gutes neues Jahr[, {name}]!", easter: "Frohe Ostern[, {name}]!",
    in_time: "Das Paket sollte vor Weihnachten ankommen.", late: "Das Paket kommt vielleicht erst nach Heiligabend an.",
  },
  fr: {
    spring: "Beau printemps[, {name}]\u202f!", summer: "Bel été[, {name}]\u202f!", autumn: "Bel automne[, {name}]\u202f!", winter: "Bel hiver[, {name}]\u202f!",
    christmas: "Joyeux Noël[, {name}]\u202f!", new_year: "Bonne année[, {name}]\u202f!", easter: "Joyeuses Pâques[, {name}]\u202f!", thanksgiving: "Joyeuse Action de grâce[, {name}]\u202f!",
    in_time: "Votre colis devrait arriver avant Noël.", late: "Votre colis pourrait arriver après le réveillon de Noël.",
  },
  es: {
    spring: "¡Feliz primavera[, {name}]!", summer: "¡Feliz verano[, {name}]!", autumn: "¡Feliz otoño[, {name}]!", winter: "¡Feliz invierno[, {name}]!",
    christmas: "¡Feliz Navidad[, {name}]!", new_year: "¡Feliz Año Nuevo[, {name}]!", easter: "¡Felices Pascuas[, {name}]!", thanksgiving: "¡Feliz Día de Acción de Gracias[, {name}]!",
    in_time: "Tu paquete debería llegar antes de Navidad.", late: "Es posible que tu paquete llegue después de Nochebuena.",
  },
  it: {
    spring: "Buona primavera[, {name}]!", summer: "Buona estate[, {name}]!", autumn: "Buon autunno[, {name}]!", winter: "Buon inverno[, {name}]!",
    christmas: "Buon Natale[, {name}]!", new_year: "Buon anno[, {name}]!", easter: "Buona Pasqua[, {name}]!",
    in_time: "Il pacco dovrebbe arrivare prima di Natale.", late: "Il pacco potrebbe arrivare dopo la vigilia di Natale.",
  },
  "pt-br": {
    spring: "Feliz primavera[, {name}]!", summer: "Feliz verão[, {name}]!", autumn: "Feliz outono[, {name}]!", winter: "Feliz inverno[, {name}]!",
    christmas: "Feliz Natal[, {name}]!", new_year: "Feliz Ano-Novo[, {name}]!", easter: "Feliz Páscoa[, {name}]!",
    in_time: "Seu pacote deve chegar antes do Natal.", late: "Seu pacote pode chegar depois da véspera de Natal.",
  },
  nl: {
    spring: "Lentegroeten[, {name}]!", summer: "Zomergroeten[, {name}]!", autumn: "Herfstgroeten[, {name}]!", winter: "Wintergroeten[, {name}]!",
    christmas: "Fijne kerst[, {name}]!", new_year: "Gelukkig nieuwjaar[, {name}]!", easter: "Vrolijk Pasen[, {name}]!", sinterklaas: "Fijne sinterklaas[, {name}]!",
    in_time: "Je pakket is er naar verwachting voor kerst.", late: "Je pakket komt misschien pas na kerstavond.",
  },
  pl: {
    spring: "Wiosenne pozdrowienia[, {name}]!", summer: "Letnie pozdrowienia[, {name}]!", autumn: "Jesienne pozdrowienia[, {name}]!", winter: "Zimowe pozdrowienia[, {name}]!",
    christmas: "Wesołych Świąt[, {name}]!", new_year: "Szczęśliwego Nowego Roku[, {name}]!", easter: "Wesołych Świąt Wielkanocnych[, {name}]!",
    in_time: "Paczka powinna dotrzeć przed Bożym Narodzeniem.", late: "Paczka może dotrzeć po Wigilii.",
  },
  sv: {
    spring: "Vårhälsningar[, {name}]!", summer: "Sommarhälsningar[, {name}]!", autumn: "Hösthälsningar[, {name}]!", winter: "Vinterhälsningar[, {name}]!",
    christmas: "God jul[, {name}]!", new_year: "Gott nytt år[, {name}]!", easter: "Glad påsk[, {name}]!", midsummer: "Glad midsommar[, {name}]!",
    in_time: "Ditt paket bör komma före jul.", late: "Ditt paket kan komma efter julafton.",
  },
  ja: {
    spring: "[{name}様、]春らしい季節になりました。", summer: "[{name}様、]夏らしい季節になりました。", autumn: "[{name}様、]秋らしい季節になりました。", winter: "[{name}様、]冬らしい季節になりました。",
    christmas: "[{name}様、]メリークリスマス！", new_year: "[{name}様、]あけましておめでとうございます。",
    in_time: "お荷物はクリスマス前にお届けできる見込みです。", late: "お荷物のお届けはクリスマスイブ以降になる可能性があります。",
  },
  "zh-hans": {
    spring: "[{name}，]春日问候！", summer: "[{name}，]夏日问候！", autumn: "[{name}，]秋日问候！", winter: "[{name}，]冬日问候！",
    christmas: "[{name}，]圣诞快乐！", new_year: "[{name}，]新年快乐！", lunar_new_year: "[{name}，]恭贺新春！",
    in_time: "您的包裹预计在圣诞节前送达。", late: "您的包裹可能在平安夜之后送达。",
  },
  ar: {
    rtl: true,
    spring: "تحية الربيع[ يا {name}]!", summer: "تحية الصيف[ يا {name}]!", autumn: "تحية الخريف[ يا {name}]!", winter: "تحية الشتاء[ يا {name}]!",
    christmas: "عيد ميلاد مجيد[ يا {name}]!", new_year: "سنة جديدة سعيدة[ يا {name}]!", eid: "عيد مبارك[ يا {name}]!",
    in_time: "من المتوقع أن يصل طردك قبل عيد الميلاد.", late: "قد يصل طردك بعد ليلة عيد الميلاد.",
  },
};

// wordsFor finds the language of a BCP 47 tag. pt-PT and traditional Chinese are
// other languages than ours to their readers.
function wordsFor(tag) {
  const parts = tag.toLowerCase().replaceAll("_", "-").split("-");
  if (parts[0] === "pt") return parts.length === 1 || parts.includes("br") ? WORDS["pt-br"] : undefined;
  if (parts[0] === "zh") {
    const traditional = parts.includes("hant") || (!parts.includes("hans") && ["tw", "hk", "mo"].some((r) => parts.includes(r)));
    return traditional ? undefined : WORDS["zh-hans"];
  }
  return Object.hasOwn(WORDS, parts[0]) ? WORDS[parts[0]] : undefined;
}

const RTL = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

function fill(words, text, name) {
  const start = text.indexOf("["), end = text.indexOf("]");
  const part = name ? text.slice(start + 1, end) : "";
  // The isolates keep a name of the other direction from turning the sentence.
  const other = RTL.test(name) !== Boolean(words.rtl);
  return (text.slice(0, start) + part + text.slice(end + 1)).replace("{name}", () => (other ? `\u2068${name}\u2069` : name));
}

// cleanName takes a name as people type it and gives one that may stand in a
// greeting, or none: what holds a link or an address was never a name.
function cleanName(s) {
  s = s.replace(/[^\P{C}\u200c\u200d\s]/gu, "").replace(/\s+/gu, " ").trim();
  if (/[@/<>{}[\]\\]|www\./iu.test(s) || !/\p{L}/u.test(s) || [...s].length > 40) return "";
  return s;
}
