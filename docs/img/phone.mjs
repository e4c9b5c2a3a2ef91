// Lays mails out as a phone does ("make phone"): no word, link or number may
// make one wider than the screen, and the total stands on the first screen.
// node --experimental-websocket docs/img/phone.mjs FOLDER [--shots=FOLDER] [--only=REGEXP] [--axe=axe.min.js]
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2] || ".");
const option = (name) => process.argv.find((a) => a.startsWith("--" + name + "="))?.slice(name.length + 3);
const [shots, only, axe] = [option("shots"), new RegExp(option("only") || ""), option("axe")];
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
const sizes = [[320, 568], [360, 640], [375, 667], [600, 900]];

const profile = mkdtempSync(join(tmpdir(), "waxwing-phone-"));
const chrome = spawn("chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--allow-file-access-from-files",
  "--remote-debugging-port=0", "--user-data-dir=" + profile, "about:blank"], { stdio: "ignore" });
let faults = 0;
try {
  await look();
} finally {
  chrome.kill();
  await pause(300);
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = faults ? 1 : 0;

async function connect() {
  let port = "";
  for (let i = 0; i < 200 && !port; i++) {
    await pause(100);
    try { port = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n")[0]; } catch { /* not yet */ }
  }
  const target = await (await fetch(`http://127.0.0.1:${port}/json/new?about:blank`, { method: "PUT" })).json();
  const ws = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((r) => ws.addEventListener("open", r));
  let id = 0;
  const asked = new Map(), awaited = new Map();
  ws.addEventListener("message", (m) => {
    const d = JSON.parse(m.data);
    if (asked.has(d.id)) asked.get(d.id)(d.result || d);
    if (awaited.has(d.method)) awaited.get(d.method)(d.params);
  });
  const say = (method, params = {}) => new Promise((r) => {
    asked.set(++id, r);
    ws.send(JSON.stringify({ id, method, params }));
  });
  say.once = (method) => new Promise((r) => awaited.set(method, r));
  return say;
}

// Runs in the page: how wide it is, what sticks out, and where the total ends.
function measure() {
  const width = innerWidth, out = [];
  for (const e of document.body.querySelectorAll("*")) {
    const r = e.getBoundingClientRect();
    if (r.width && (r.right > width + 0.5 || r.left < -0.5) && getComputedStyle(e).display !== "none") out.push(`${e.tagName}.${e.className} ${Math.round(r.left)}..${Math.round(r.right)}`);
  }
  const ends = [...document.querySelectorAll(".panel .next, .panel tr:first-child .fact-value")].map((e) => e.getBoundingClientRect().bottom);
  return { width: document.documentElement.scrollWidth, out: out.slice(0, 3), panel: Math.round(Math.max(0, ...ends)) };
}

async function look() {
  const say = await connect();
  await say("Page.enable");
  await say("Network.enable");
  await say("Network.setBlockedURLs", { urls: ["http://*", "https://*"] });
  const run = async (expression) => (await say("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true })).result?.value;
  const files = readdirSync(folder).filter((f) => f.endsWith(".html") && only.test(f));
  for (const f of files) {
    for (const [width, height] of sizes) {
      for (const scheme of ["light", "dark"]) {
        if (scheme === "dark" && !shots && !axe) continue;
        await say("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: shots ? 2 : 1, mobile: width < 600 });
        await say("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
        const loaded = say.once("Page.loadEventFired");
        await say("Page.navigate", { url: "file://" + join(folder, f) });
        await loaded;
        const m = await run(`(${measure})()`);
        if (m.width > width || m.out.length) {
          faults++;
          console.log(`${f} at ${width}: ${m.width} px wide; ${m.out.join(", ")}`);
        }
        if (width >= 360 && width < 600 && !/word|amounts/.test(f) && m.panel > height) {
          faults++;
          console.log(`${f} at ${width}x${height}: total and next step end at ${m.panel} px`);
        }
        if (axe) {
          await run(readFileSync(axe, "utf8") + ";0");
          const v = await run(`axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.slice(0, 2).map(n => n.target + " " + (n.any[0]?.message || "")).join("; ")))`);
          for (const x of v || ["axe did not run"]) {
            faults++;
            console.log(`${f} at ${width} ${scheme}: ${x}`);
          }
        }
        if (shots && width !== 360) {
          mkdirSync(shots, { recursive: true });
          const { cssContentSize } = await say("Page.getLayoutMetrics");
          const clip = { x: 0, y: 0, width, height: Math.min(cssContentSize.height, 4000), scale: 1 };
          const shot = await say("Page.captureScreenshot", { format: "png", clip, captureBeyondViewport: true });
          writeFileSync(join(shots, `${f.slice(0, -5)}-${width}-${scheme}.png`), Buffer.from(shot.data, "base64"));
        }
      }
    }
  }
  console.log(`${files.length} mails at ${sizes.map(([w]) => w).join(", ")} px: ${faults} faults`);
}
