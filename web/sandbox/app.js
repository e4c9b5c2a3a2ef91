"use strict";
// What comes from orders and mails is put in by textContent; a mail itself lives in a frame without rights.
// The key stays in this page's memory: reloading it asks again.

const $ = (id) => document.getElementById(id);
let tenant = "";
let key = "";
let shown = "";
let timer = 0;
const letters = new Map(); // by message, the newest first

async function ask(path) {
  const res = await fetch(`/v1/tenants/${encodeURIComponent(tenant)}/sandbox${path}`, { headers: { Authorization: `Bearer ${key}` } });
  if (!res.ok) {
    const said = await res.json().catch(() => ({}));
    throw new Error(res.status === 401 ? "The tenant or its key is wrong." : said.detail || res.statusText);
  }
  return res.json();
}

function item(l) {
  const li = document.createElement("li");
  const b = document.createElement("button");
  b.type = "button";
  const parts = [["b", l.subject || { sms: "Text message", push: "Push message" }[l.channel] || "No subject"], ["span", l.to || ""], ["time", new Date(l.at).toLocaleString()]];
  for (const [tag, text] of parts) {
    const e = document.createElement(tag);
    e.textContent = text;
    e.dir = "auto";
    b.append(e);
  }
  if (l.message === shown) b.setAttribute("aria-current", "true");
  b.addEventListener("click", () => open(l.message));
  li.append(b);
  return li;
}

function draw(sandbox) {
  $("mode").textContent = sandbox ? `${tenant}: nothing is sent` : `${tenant} is live: new messages are sent`;
  $("mode").className = sandbox ? "caught" : "live";
  redraw();
}

function redraw() {
  $("list").replaceChildren(...[...letters.values()].sort((a, b) => (a.at < b.at ? 1 : -1)).map(item));
  $("none").hidden = letters.size > 0;
}

async function look() {
  clearTimeout(timer);
  const got = await ask("");
  for (const l of got.letters) letters.set(l.message, l);
  $("more").hidden = got.letters.length < 50 || $("more").dataset.done === "yes";
  draw(got.sandbox);
  timer = setTimeout(() => look().catch(() => { timer = setTimeout(look, 10000); }), 5000);
}

async function open(message) {
  const l = await ask(`/${message}`);
  shown = message;
  $("subject").textContent = l.subject || { sms: "Text message", push: "Push message" }[l.channel] || "No subject";
  $("meta").textContent = `${l.from || ""} to ${l.to || ""}, ${new Date(l.at).toLocaleString()}, confirmation ${l.confirmation}`;
  $("text").textContent = l.text || "";
  $("frame").srcdoc = l.html || "";
  $("as-html").disabled = !l.html;
  view(Boolean(l.html));
  $("letter").hidden = false;
  redraw();
}

function view(html) {
  $("frame").hidden = !html;
  $("text").hidden = html;
  $("as-html").setAttribute("aria-pressed", String(html));
  $("as-text").setAttribute("aria-pressed", String(!html));
}

$("as-html").addEventListener("click", () => view(true));
$("as-text").addEventListener("click", () => view(false));
$("leave").addEventListener("click", () => location.reload());
$("more").addEventListener("click", async () => {
  const oldest = [...letters.values()].sort((a, b) => (a.at < b.at ? -1 : 1))[0];
  const got = await ask(`?before=${oldest.message}`);
  for (const l of got.letters) letters.set(l.message, l);
  if (got.letters.length < 50) {
    $("more").hidden = true;
    $("more").dataset.done = "yes";
  }
  redraw();
});
$("enter").addEventListener("submit", async (e) => {
  e.preventDefault();
  tenant = $("tenant").value.trim();
  key = $("key").value;
  $("said").textContent = "";
  try {
    await look();
    $("key").value = "";
    $("door").hidden = true;
    $("box").hidden = $("leave").hidden = false;
    const first = [...letters.values()].sort((a, b) => (a.at < b.at ? 1 : -1))[0];
    if (first) await open(first.message);
  } catch (err) {
    $("said").textContent = err.message;
  }
});
