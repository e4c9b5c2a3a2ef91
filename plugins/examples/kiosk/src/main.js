// A Waxwing plugin: it reads the events of Kiosk, an invented shop system, and
// gives the generic order. See the fixtures for what Kiosk sends.

/** @type {import("../waxwing/waxwing").Normalise} */
function normalise(input) {
  const event = JSON.parse(input.raw);
  const sale = event.beleg;
  if (!String(event.vorgang ?? "").startsWith("bestellung.") || !sale) return {}; // the till was opened, and the like
  const currency = String(sale.waehrung ?? "EUR").toUpperCase();
  const money = (n) => amount(n, currency);
  const home = input.config?.country || "DE";
  const person = buyer(sale.kunde ?? {}, home);
  const gross = sale.brutto !== false; // Kiosk says only if prices are net

  return {
    shop: input.shop,
    id: required(sale.id, "beleg.id"),
    number: sale.nr,
    test: sale.probe === true,
    locale: language(sale.kunde?.sprache),
    currency,
    placed_at: berlin(required(sale.zeit, "beleg.zeit")),
    updated_at: sale.geaendert && berlin(sale.geaendert),
    cancelled_at: sale.storniert && berlin(sale.storniert),
    customer: person,
    addresses: { billing: address(sale.rechnung, home), shipping: address(sale.lieferung?.anschrift, home) },
    items: (sale.zeilen ?? []).map((line) => item(line, money)),
    taxes_included: gross,
    discounts: titled(sale.rabatt, "grund", money),
    shipping: sale.lieferung?.kosten === undefined ? undefined : [{ title: sale.lieferung.dienst, amount: money(sale.lieferung.kosten) }],
    taxes: (sale.mwst ?? []).map((t) => ({ title: "MwSt.", rate: fraction(t.satz), amount: money(t.betrag) })),
    gift_cards: titled(sale.gutscheine, "nr", money),
    tip: sale.trinkgeld === undefined ? undefined : money(sale.trinkgeld),
    totals: sale.summe === undefined ? undefined : { total: money(sale.summe) },
    payment: payment(sale.bezahlt ?? {}),
    delivery: delivery(sale.lieferung ?? {}),
    note: sale.bemerkung || undefined,
  };
}

function required(value, name) {
  if (value === undefined || value === null || value === "") throw new Error(`the event has no ${name}`);
  return value;
}

// amount writes whole cents as a decimal, by text: a division would round. Not
// every currency has hundredths (ISO 4217).
function amount(n, currency) {
  if (!Number.isSafeInteger(n)) throw new Error("an amount is not in whole cents");
  const places = { JPY: 0, KRW: 0, ISK: 0, VND: 0, CLP: 0, BHD: 3, KWD: 3, OMR: 3, TND: 3 }[currency] ?? 2;
  if (places === 0) return String(n);
  const digits = String(Math.abs(n)).padStart(places + 1, "0");
  return (n < 0 ? "-" : "") + digits.slice(0, -places) + "." + digits.slice(-places);
}

// fraction writes a rate in percent, such as 7 or "19,0", as a decimal fraction.
function fraction(rate) {
  const n = Number(String(rate ?? "").replace(",", "."));
  return rate === undefined || !Number.isFinite(n) || n < 0 ? undefined : String(Number((n / 100).toFixed(6)));
}

function titled(list, title, money) {
  return (list ?? []).map((x) => ({ title: x[title] ? String(x[title]) : undefined, amount: money(x.betrag) }));
}

// item reads a line of text: "2x Darjeeling – 100 g #TEA-100 @1250". All but the
// name may be missing. {Karte: Alles Gute!} is what the customer chose.
function item(line, money) {
  const own = [];
  const rest = String(line).replace(/\{([^{}:]+):([^{}]*)\}/gu, (_, name, value) => {
    own.push({ name: name.trim(), value: value.trim() });
    return "";
  });
  const m = /^\s*(?:(\d{1,6})\s*[x×*]\s*)?(.*?)(?:\s+#(\S+))?(?:\s*@\s*(\d{1,12}))?\s*$/su.exec(rest);
  const [name, variant] = m[2].split(/\s+[–—]\s+/u, 2);
  if (!name) throw new Error("a line has no name");
  return {
    sku: m[3],
    name: name.trim(),
    variant: variant?.trim(),
    properties: own.length ? own : undefined,
    quantity: Number(m[1] ?? 1),
    unit_price: m[4] === undefined ? undefined : money(Number(m[4])),
    gift_card: /^gutschein\b/iu.test(name) || undefined,
  };
}

// buyer reads "Muster, Erika" as well as "Erika Muster".
function buyer(k, home) {
  const name = String(k.name ?? "").trim();
  let first, last;
  if (name.includes(",")) {
    [last, first] = name.split(",", 2).map((s) => s.trim());
  } else {
    const parts = name.split(/\s+/u);
    last = parts.length > 1 ? parts.pop() : undefined;
    first = parts.join(" ");
  }
  return {
    id: k.nummer === undefined ? undefined : String(k.nummer),
    first_name: first || undefined,
    last_name: last || undefined,
    email: k.mail || undefined,
    phone: phone(k.tel, home),
    group: k.stammkunde ? "regular" : undefined,
  };
}

// phone makes "030 / 90 18 20" E.164.
function phone(s, home) {
  const digits = String(s ?? "").replace(/\(0\)/gu, "").replace(/[^\d+]/gu, "");
  const code = { DE: "+49", AT: "+43", CH: "+41" }[home];
  if (/^\+\d{6,15}$/u.test(digits)) return digits;
  if (/^00[1-9]\d{5,13}$/u.test(digits)) return "+" + digits.slice(2);
  if (code && /^0[1-9]\d{4,12}$/u.test(digits)) return code + digits.slice(1);
  return undefined;
}

const COUNTRIES = {
  deutschland: "DE", österreich: "AT", schweiz: "CH", frankreich: "FR", italien: "IT", spanien: "ES", niederlande: "NL", belgien: "BE",
  luxemburg: "LU", polen: "PL", dänemark: "DK", schweden: "SE", tschechien: "CZ", liechtenstein: "LI", "vereinigtes königreich": "GB", usa: "US",
};

// address reads a block of lines: name, street, "51147 Köln", country.
function address(block, home) {
  const lines = String(block ?? "").split(/\r?\n/u).map((l) => l.trim()).filter(Boolean);
  if (lines.length === 0) return undefined;
  let country = COUNTRIES[lines.at(-1).toLowerCase()];
  if (country) lines.pop();
  const at = lines.findLastIndex((l) => /^(?:[A-Z]{1,2}-)?\d{4,5}\s+\S/u.test(l));
  let city, postal;
  if (at > 0) {
    [, postal, city] = /^(?:[A-Z]{1,2}-)?(\d{4,5})\s+(.*)$/u.exec(lines[at]);
    lines.splice(at, 1);
  }
  const [name, ...street] = lines;
  return { name, lines: street.slice(0, 6), city, postal_code: postal, country: country ?? home };
}

function payment(p) {
  const status = { ja: "paid", teilweise: "partially_paid", reserviert: "authorized", erstattet: "refunded", teilerstattet: "partially_refunded", geplatzt: "failed" }[p.stand] ?? "pending";
  const offline = { nachnahme: "cash_on_delivery", überweisung: "bank_transfer", vorkasse: "bank_transfer", rechnung: "invoice", scheck: "cheque" }[String(p.wie ?? "").toLowerCase()];
  return { status, method: p.wie || undefined, last4: /^\d{4}$/u.test(p.karte ?? "") ? p.karte : undefined, offline };
}

function delivery(l) {
  const day = (t) => (t ? berlin(t).slice(0, 10) : undefined);
  const out = { from: day(l.fruehestens), to: day(l.spaetestens), method: l.dienst || undefined, pickup: l.art === "abholung" || undefined };
  return Object.values(out).some((v) => v !== undefined) ? out : undefined;
}

function language(word) {
  return { deutsch: "de", englisch: "en", französisch: "fr", italienisch: "it", spanisch: "es", polnisch: "pl", niederländisch: "nl" }[String(word ?? "deutsch").toLowerCase()] ?? "de";
}

// berlin writes a Unix time (seconds, or milliseconds as newer tills send) with
// the till's offset: CEST from the last Sunday of March to that of October, 01:00
// UTC. The engine has no time zones.
function berlin(t) {
  const ms = t > 1e11 ? t : t * 1000;
  const year = new Date(ms).getUTCFullYear();
  const turn = (month) => {
    const last = new Date(Date.UTC(year, month, 0, 1)); // the month's last day
    return last.getTime() - last.getUTCDay() * 86400000;
  };
  const hours = ms >= turn(3) && ms < turn(10) ? 2 : 1;
  return new Date(ms + hours * 3600000).toISOString().slice(0, 19) + `+0${hours}:00`;
}
