"use strict";
// Everything that comes from orders and mails is put in by textContent: the
// page never makes HTML of it. The mail itself lives in a frame without rights.

const $ = (id) => document.getElementById(id);
const make = (tag, cls, text) => {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text) e.textContent = text;
  return e;
};

const rows = new Map(); // by number
const items = new Map(); // their list items
const view = { n: 0, tab: "html", width: "desktop", scheme: "", state: "", find: "", locale: "" };
// What the mailbox can do beside showing, as the server says.
let can = { title: "mailbox", shops: [], release: false };
let version = 0;
let opened = 0;

const states = [
  ["accepted", "accepted", "plain", () => true],
  ["sent", "sent", "good", (r) => r.state === "sent"],
  ["retrying", "retrying", "wait", (r) => ["queued", "claimed", "dot"].includes(r.state)],
  ["uncertain", "uncertain", "doubt", (r) => r.state === "uncertain"],
  ["held", "held", "wait", (r) => r.state === "held"],
  ["quarantined", "quarantined", "bad", (r) => r.state === "quarantined"],
  ["failed", "failed", "bad", (r) => r.state === "failed"],
];
const tones = {
  "retried": "wait", "fallback": "doubt", "possible duplicate": "doubt", "answer lost": "doubt", "was held": "wait", "repeat absorbed": "",
  "held": "wait", "quarantined": "bad", "failed": "bad", "uncertain": "doubt", "retrying": "wait", "on its way": "", "cancelled": "bad",
};
const waiting = {
  held: "Held: not confirmed until it is paid",
  quarantined: "Quarantined: this event cannot be read",
  failed: "Failed: nothing could be delivered",
  uncertain: "Uncertain: the answer was lost",
};
const tongues = new Intl.DisplayNames(["en"], { type: "language" });
const tongue = (tag) => {
  try { return tongues.of(tag); } catch { return tag; }
};
const clock = (t) => new Date(t).toLocaleTimeString("en-GB");

function stateBadge(r) {
  if (r.state === "sent" || r.state === "") return "";
  if (["queued", "claimed", "dot", "ready", "received"].includes(r.state)) return r.badges.includes("retried") ? "retrying" : "on its way";
  return r.state;
}

function fillBadges(box, r) {
  box.replaceChildren();
  const b = stateBadge(r);
  if (r.channel === "sms") box.append(make("span", "badge", "SMS"));
  for (const text of b ? [b, ...r.badges.filter((x) => !(b === "retrying" && x === "retried"))] : r.badges) {
    box.append(make("span", "badge " + (tones[text] || ""), text));
  }
}

function language(r) {
  const l = make("span", "tag", r.locale);
  if (r.locale) l.title = tongue(r.locale);
  return l;
}

function subjectOf(r) {
  if (r.letter) return r.subject;
  const again = stateBadge(r) === "retrying" && "Put off: waiting for the next try";
  return (again || waiting[r.state] || "Order on its way") + (r.order ? " (" + r.order + ")" : "");
}

function listItem(r) {
  let li = items.get(r.n);
  if (!li) {
    li = make("li");
    const b = make("button", "row fresh");
    b.type = "button";
    b.append(make("span", "mark"), make("span", "who"), make("span", "side"), make("span", "what"), make("span", "badges"));
    b.addEventListener("click", () => choose(r.n, true));
    li.append(b);
    items.set(r.n, li);
  }
  const [mark, who, side, what, badges] = li.firstChild.children;
  mark.textContent = r.channel === "sms" ? "✆" : [...(r.brand || "?")][0];
  mark.className = "mark" + (r.channel === "sms" ? " round" : "");
  if (/^#[0-9a-f]{6}$/i.test(r.color)) mark.style.background = r.color;
  who.textContent = (r.brand || "") + " → " + (r.to || r.name || "nobody yet");
  const when = make("time", "when", clock(r.at));
  when.dateTime = r.at;
  side.replaceChildren(...(r.locale ? [language(r), when] : [when]));
  what.textContent = subjectOf(r);
  what.dir = "auto";
  fillBadges(badges, r);
  return li;
}

function fits(r) {
  if (r.gone) return false;
  if (view.locale && r.locale.split("-")[0] !== view.locale) return false;
  const s = states.find(([k]) => k === view.state);
  if (s && !s[3](r)) return false;
  if (!view.find) return true;
  return [r.to, r.name, r.subject, r.order, r.brand, r.shop, r.state, ...r.badges].join(" ").toLowerCase().includes(view.find);
}

function sorted() {
  return [...rows.values()].filter(fits).sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : b.n - a.n));
}

function drawList() {
  const list = $("rows");
  const want = sorted().map((r) => items.get(r.n));
  let at = list.firstChild;
  for (const li of want) {
    if (li === at) at = at.nextSibling;
    else list.insertBefore(li, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
  $("none").hidden = want.length > 0;
  $("none").textContent = rows.size ? "Nothing fits this filter." : can.shops.length ? "Nothing yet. Send yourself an order." : "The first orders arrive in a moment.";
  for (const [n, li] of items) {
    if (n === view.n) li.firstChild.setAttribute("aria-current", "true");
    else li.firstChild.removeAttribute("aria-current");
  }
}

function drawStrip(counts) {
  const strip = $("strip");
  if (!strip.firstChild) {
    for (const [key, word, tone] of states) {
      const b = make("button", tone);
      b.type = "button";
      b.append(make("b"), make("span", "", word));
      b.addEventListener("click", () => {
        view.state = view.state === key || key === "accepted" ? "" : key;
        drawStrip(counts);
        drawList();
      });
      strip.append(b);
    }
  }
  states.forEach(([key, , tone], i) => {
    const b = strip.children[i];
    b.firstChild.textContent = counts[key];
    b.className = tone + (counts[key] ? "" : " zero");
    b.setAttribute("aria-pressed", String(view.state === key));
  });
}

function drawLocales() {
  const select = $("locale");
  const have = new Set([...select.options].map((o) => o.value));
  const found = new Set([...rows.values()].map((r) => r.locale.split("-")[0]).filter(Boolean));
  const fresh = [...found].filter((l) => !have.has(l));
  if (!fresh.length) return;
  const all = [...have, ...fresh].filter(Boolean).sort((a, b) => tongue(a).localeCompare(tongue(b)));
  select.replaceChildren(new Option("All languages", ""), ...all.map((l) => new Option(tongue(l), l)));
  select.value = view.locale;
}

async function poll() {
  try {
    const res = await fetch("/mailbox/feed?since=" + version);
    const feed = await res.json();
    if (opened && feed.opened !== opened) {
      location.reload(); // another daemon runs here now
      return;
    }
    opened = feed.opened;
    version = feed.version;
    for (const r of feed.rows) {
      rows.set(r.n, r);
      listItem(r);
    }
    drawStrip(feed.counts);
    if (feed.rows.length) {
      drawLocales();
      drawList();
      const now = rows.get(view.n);
      if (now && now.gone) choose(sorted().find((r) => r.order === now.order && r.tenant === now.tenant)?.n || 0, false);
      else if (feed.rows.some((r) => r.n === view.n)) drawHead(now);
      if (!view.n) chooseFirst();
    }
    if (view.n && view.tab === "trail") drawTrail();
    $("live").textContent = "Live";
    $("live").classList.remove("off");
  } catch {
    $("live").textContent = "Not running";
    $("live").classList.add("off");
  }
  setTimeout(poll, document.hidden ? 4000 : 1000);
}

function chooseFirst() {
  const n = Number(location.hash.slice(1));
  if (rows.has(n)) choose(n, true);
  else if (matchMedia("(min-width: 821px)").matches) {
    const first = sorted().find((r) => r.letter);
    if (first) choose(first.n, false);
  }
}

const narrow = () => matchMedia("(max-width: 820px)").matches;

// leave closes the mail on a phone, by the history where opening it is part of that.
function leave() {
  if (!document.body.classList.contains("reading")) return;
  if (history.state && history.state.reading) history.back();
  else {
    document.body.classList.remove("reading");
    history.replaceState(null, "", "/");
  }
}
window.addEventListener("popstate", () => {
  const n = Number(location.hash.slice(1));
  if (rows.has(n)) {
    document.body.classList.add("reading");
    choose(n, false);
  } else {
    document.body.classList.remove("reading");
    const b = items.get(view.n);
    if (b) b.firstChild.focus({ preventScroll: true });
  }
});

function drawHead(r) {
  $("subject").textContent = r.letter && r.channel === "sms" ? "Text message to " + (r.name || r.to) : subjectOf(r);
  $("meta").textContent = [r.brand, "to " + (r.to || "nobody yet"), r.order && "order " + r.order, r.shop && "shop " + r.shop, clock(r.at)].filter(Boolean).join("  ·  ");
  fillBadges($("badges"), r);
  if (r.locale) $("badges").append(make("span", "badge", tongue(r.locale)));
  $("release-me").hidden = !can.release || !r.letter || r.channel === "sms";
}

async function choose(n, open) {
  const r = rows.get(n);
  if (!r) return;
  const other = view.n !== n;
  view.n = n;
  if (open) {
    // On a phone a mail covers the list: the browser's Back must lead to the list.
    if (narrow() && !document.body.classList.contains("reading")) history.pushState({ reading: true }, "", "#" + n);
    else history.replaceState(history.state, "", "#" + n);
    document.body.classList.add("reading");
  }
  $("empty").hidden = true;
  $("letter").hidden = false;
  drawHead(r);
  drawList();
  const sms = r.channel === "sms";
  $("tab-html").hidden = !r.letter;
  $("tab-text").hidden = $("tab-source").hidden = !r.letter || sms;
  $("tab-html").textContent = sms ? "Message" : "HTML";
  if (!r.letter) showTab("trail", false);
  else if (other) showTab(sms && view.wanted !== "trail" ? "html" : view.wanted || "html", false);
  if (other) draw(r);
}

async function draw(r) {
  const sms = r.channel === "sms";
  document.querySelector(".switch:has([data-width])").hidden = sms;
  $("frame").hidden = sms;
  $("sms").hidden = !sms;
  drawStage(r);
  $("trail").replaceChildren();
  $("trail-head").replaceChildren();
  if (view.tab === "trail") drawTrail();
  if (!r.letter) return;
  const [told, source] = await Promise.all([
    fetch(`/mailbox/letters/${r.n}`).then((x) => x.json()),
    fetch(`/mailbox/letters/${r.n}/source`).then((x) => x.text()),
  ]);
  if (view.n !== r.n) return;
  $("text").textContent = told.text;
  $("source").textContent = source;
  if (sms) {
    $("sms-from").textContent = told.from;
    $("bubble").textContent = told.text;
    $("sms-when").textContent = clock(r.at);
  }
}

function scheme() {
  return view.scheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function drawStage(r) {
  const phone = view.width === "phone" || r.channel === "sms";
  $("device").className = "device" + (phone ? " phone" : "") + (r.channel === "sms" ? " text" : "") + (scheme() === "dark" ? " dark" : "");
  for (const b of document.querySelectorAll("[data-width]")) b.setAttribute("aria-pressed", String((b.dataset.width === "phone") === phone));
  for (const b of document.querySelectorAll("[data-scheme]")) b.setAttribute("aria-pressed", String(b.dataset.scheme === scheme()));
  if (!r.letter || r.channel === "sms") return;
  const src = `/mailbox/letters/${r.n}/html?scheme=${scheme()}`;
  if ($("frame").getAttribute("src") !== src) {
    // A new frame each time: no history of its own, and no flash of the last mail.
    const f = $("frame").cloneNode();
    f.setAttribute("src", src);
    $("frame").replaceWith(f);
  }
}

function showTab(tab, wanted) {
  view.tab = tab;
  if (wanted) view.wanted = tab;
  for (const t of ["html", "text", "source", "trail"]) {
    const on = t === tab;
    $("pane-" + t).hidden = !on;
    $("tab-" + t).setAttribute("aria-selected", String(on));
    $("tab-" + t).tabIndex = on ? 0 : -1;
  }
  $("switches").hidden = tab !== "html";
  if (tab === "trail" && view.n) drawTrail();
}

let trailDrawn = "";
async function drawTrail() {
  const n = view.n;
  const t = await fetch(`/mailbox/letters/${n}/trail`).then((x) => x.json());
  const is = n + JSON.stringify(t);
  if (view.n !== n || (is === trailDrawn && $("trail").firstChild)) return;
  trailDrawn = is;
  const head = make("div", "card");
  head.append(make("b", "", t.state ? "Confirmation: " + t.state : "The ledger has nothing about this message yet."));
  if (t.reason) head.append(make("p", "", t.reason));
  if (t.confirmation) head.append(make("code", "", "tenant " + t.tenant + "   id " + t.confirmation));
  $("trail-head").replaceChildren(head);
  $("trail").replaceChildren(...t.steps.map((s) => {
    const li = make("li", s.tone === "plain" ? "" : s.tone);
    if (s.tone === "plain") li.style.color = "var(--dim)";
    const time = make("time", "", clock(s.at) + "." + String(new Date(s.at).getMilliseconds()).padStart(3, "0"));
    const told = make("div", "told " + s.tone + "-step");
    told.append(make("b", "", s.title));
    if (s.text) told.append(make("p", "", s.text));
    if (s.reply) told.append(make("span", "reply", s.reply));
    told.append(make("p", "cause", "#" + s.seq + "  " + s.cause + (s.took_ms ? "  " + s.took_ms + " ms" : "")));
    li.append(time, told);
    return li;
  }));
}

function move(by) {
  const list = sorted();
  const i = list.findIndex((r) => r.n === view.n);
  const r = list[Math.max(0, Math.min(list.length - 1, i + by))];
  if (!r) return;
  choose(r.n, false);
  const b = items.get(r.n).firstChild;
  b.focus({ preventScroll: true });
  b.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  const typing = e.target.matches("input, select");
  const inPane = e.target.closest && e.target.closest(".pane");
  if (e.target.getAttribute && e.target.getAttribute("role") === "tab" && (e.key === "ArrowRight" || e.key === "ArrowLeft")) {
    const tabs = ["html", "text", "source", "trail"].filter((t) => !$("tab-" + t).hidden);
    const next = tabs[(tabs.indexOf(view.tab) + (e.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
    showTab(next, true);
    $("tab-" + next).focus();
  } else if (e.key === "/" && !typing) {
    e.preventDefault();
    $("find").focus();
  } else if (e.key === "Escape") {
    if (typing && e.target.id === "find") e.target.blur();
    else leave();
  } else if (e.key === "?" && !typing) {
    $("help").showModal();
  } else if (!inPane && e.target.tagName !== "SELECT" && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
    e.preventDefault();
    move(e.key === "ArrowDown" ? 1 : -1);
  }
});
for (const t of ["html", "text", "source", "trail"]) $("tab-" + t).addEventListener("click", () => showTab(t, true));
$("switches").addEventListener("click", (e) => {
  const b = e.target.closest("button");
  if (!b) return;
  if (b.dataset.width) view.width = b.dataset.width;
  if (b.dataset.scheme) view.scheme = b.dataset.scheme;
  const r = rows.get(view.n);
  if (r) drawStage(r);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => rows.has(view.n) && drawStage(rows.get(view.n)));
$("back").addEventListener("click", leave);
$("find").addEventListener("input", (e) => {
  view.find = e.target.value.trim().toLowerCase();
  drawList();
});
$("locale").addEventListener("change", (e) => {
  view.locale = e.target.value;
  drawList();
});
async function learn() {
  try {
    can = await (await fetch("/mailbox/settings")).json();
  } catch {
    return; // it shows, all the same
  }
  $("title").textContent = can.title;
  $("order-me").hidden = !can.shops.length;
  $("order-shop").replaceChildren(...can.shops.map((s, i) => new Option(s.name + ", " + s.shop, String(i))));
  offerLocales();
  if (rows.has(view.n)) drawHead(rows.get(view.n));
}
function offerLocales() {
  const s = can.shops[Number($("order-shop").value)];
  $("order-locale").replaceChildren(...(s ? s.locales.map((l) => new Option(tongue(l), l)) : []));
}
async function post(path, body) {
  const res = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (res.ok) return "";
  try {
    const p = await res.json();
    return p.detail || p.title;
  } catch {
    return "The daemon said " + res.status + ".";
  }
}
$("help-me").addEventListener("click", () => $("help").showModal());
for (const b of document.querySelectorAll("[data-close]")) b.addEventListener("click", () => b.closest("dialog").close());
$("order-shop").addEventListener("change", offerLocales);
$("order-me").addEventListener("click", () => {
  $("order-said").textContent = "";
  $("order-dialog").showModal();
});
$("order-go").addEventListener("click", async () => {
  const s = can.shops[Number($("order-shop").value)];
  if (!s) return;
  const wrong = await post("/mailbox/orders", { tenant: s.tenant, shop: s.shop, locale: $("order-locale").value });
  if (wrong) $("order-said").textContent = wrong;
  else $("order-dialog").close();
});
$("release-me").addEventListener("click", () => {
  $("release-said").textContent = "";
  $("release-sure").checked = false;
  $("release-go").disabled = true;
  $("release-dialog").showModal();
});
$("release-sure").addEventListener("change", (e) => { $("release-go").disabled = !e.target.checked; });
$("release-go").addEventListener("click", async () => {
  $("release-go").disabled = true;
  $("release-said").textContent = "Sending…";
  const wrong = await post("/mailbox/letters/" + view.n + "/release", { to: $("release-to").value, sure: $("release-sure").checked });
  $("release-said").textContent = wrong || "The provider took it.";
  $("release-sure").checked = false;
});
showTab("html", false);
learn();
poll();
