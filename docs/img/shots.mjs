// Takes the mailbox's pictures of a running demonstration ("make shots").
// node --experimental-websocket docs/img/shots.mjs http://127.0.0.1:8080 [folder]
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const base = process.argv[2] || "http://127.0.0.1:8080";
const out = process.argv[3] || dirname(fileURLToPath(import.meta.url));
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

const profile = mkdtempSync(join(tmpdir(), "waxwing-shots-"));
const chrome = spawn("chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-features=IsolateSandboxedIframes",
  "--remote-debugging-port=0", "--user-data-dir=" + profile, "about:blank"], { stdio: "ignore" });
try {
  await shoot();
} finally {
  chrome.kill();
  await pause(500);
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

async function connect() {
  let port = "";
  for (let i = 0; i < 100 && !port; i++) {
    await pause(100);
    try { port = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n")[0]; } catch { /* not yet */ }
  }
  const target = await (await fetch(`http://127.0.0.1:${port}/json/new?about:blank`, { method: "PUT" })).json();
  const ws = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((r) => ws.addEventListener("open", r));
  let id = 0;
  const asked = new Map();
  ws.addEventListener("message", (m) => {
    const d = JSON.parse(m.data);
    if (asked.has(d.id)) asked.get(d.id)(d.result || d);
    if (d.method === "Runtime.consoleAPICalled" || d.method === "Log.entryAdded") console.log(JSON.stringify(d.params.entry || d.params.args));
  });
  return (method, params = {}) => new Promise((r) => {
    asked.set(++id, r);
    ws.send(JSON.stringify({ id, method, params }));
  });
}

async function shoot() {
  let feed;
  const look = async () => { feed = await (await fetch(base + "/mailbox/feed?since=0")).json(); };
  await look();
  const one = (f) => feed.rows.find((r) => !r.gone && f(r))?.n || 1;
  const badge = (b) => one((r) => r.badges.includes(b));
  const say = await connect();
  await say("Page.enable");
  await say("Log.enable");
  const take = async (name, width, height, scheme, n, clicks = [], path = "/", mobile = false) => {
    await say("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: mobile ? 2 : 1, mobile });
    await say("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await say("Page.navigate", { url: "about:blank" });
    await say("Page.navigate", { url: base + path + (n ? "#" + n : "") });
    await pause(2500);
    for (const c of clicks) {
      await say("Runtime.evaluate", { expression: c });
      await pause(900);
    }
    const shot = await say("Page.captureScreenshot", { format: "png" });
    writeFileSync(join(out, name + ".png"), Buffer.from(shot.data, "base64"));
  };
  const click = (q) => `document.querySelector(${JSON.stringify(q)}).click()`;
  const letter = (tag) => feed.rows.filter((r) => r.letter && r.channel === "email" && r.locale === tag).sort((a, b) => (a.at < b.at ? 1 : -1))[0]?.n || 1;
  await take("mailbox-light", 1360, 960, "light", letter("en"));
  await look();
  await take("mailbox-dark", 1360, 960, "dark", letter("ja"));
  await take("mailbox-trail", 1360, 960, "light", badge("possible duplicate"), [click("#tab-trail")]);
  await take("mailbox-phone", 390, 780, "light", 0, [], "/", true);
  if (process.argv[4] !== "all") return;
  await take("x-phone-mail", 390, 780, "dark", letter("ar"), [], "/", true);
  await take("x-phone-trail", 390, 780, "light", badge("possible duplicate"), [click("#tab-trail")], "/", true);
  await take("x-sms", 1360, 860, "light", one((r) => r.channel === "sms"));
  await take("x-width-phone", 1360, 860, "dark", letter("ar"), [click("[data-width=phone]")]);
  await take("x-scheme", 1360, 860, "light", letter("fr"), [click("[data-scheme=dark]")]);
  await take("x-held", 1000, 700, "light", one((r) => r.state === "quarantined"));
  for (const tag of ["en", "ja", "ar"]) {
    for (const scheme of ["light", "dark"]) {
      for (const width of [600, 375]) {
        await take(`x-mail-${tag}-${width}-${scheme}`, width, 1900, scheme, 0, [], `/mailbox/letters/${letter(tag)}/html?scheme=${scheme}`);
      }
    }
  }
}
