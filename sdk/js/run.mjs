// Runs fixtures in node, for tests without the daemon: node run.mjs SCRIPT
// FIXTURE... writes {"output":...} or {"error":...} a line. Node is not the
// daemon's engine: what a script must not use (Intl, timers, modules) is not
// there, and time and chance stand still. "waxwing plugin test" has the last word.
import { readFileSync } from "node:fs";
import { createContext, Script } from "node:vm";

const [file, ...fixtures] = process.argv.slice(2);
const script = new Script(readFileSync(file, "utf8"), { filename: file });
const format = new Script(readFileSync(new URL("format.js", import.meta.url), "utf8"), { filename: "format.js" });

for (const name of fixtures) {
  const { hook, input } = JSON.parse(readFileSync(name, "utf8"));
  let line;
  try {
    line = { output: JSON.parse(call(hook, input)) };
  } catch (e) {
    line = { error: String(e) };
  }
  console.log(JSON.stringify(line));
}

function call(hook, input) {
  const log = (...what) => console.error(...what);
  const context = createContext({ console: { debug: log, log, info: log, warn: log, error: log } });
  new Script(`{
    const at = ${Date.parse(input.at)}, Now = Date;
    globalThis.Date = class Date extends Now {
      constructor(...a) { a.length ? super(...a) : super(at); }
      static now() { return at; }
    };
    let seed = 1;
    Math.random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    delete globalThis.Intl;
    delete globalThis.WebAssembly;
  }`).runInContext(context);
  format.runInContext(context);
  script.runInContext(context, { timeout: 2000 });
  context.text = JSON.stringify(input);
  return new Script(`JSON.stringify(${hook}(JSON.parse(text)) ?? {})`).runInContext(context, { timeout: 2000 });
}
