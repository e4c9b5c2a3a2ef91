// What every script finds when it starts: a console that writes to the log, a
// seeded Math.random, and no way out. It runs once; the script's own snapshot
// is made behind it.
(function () {
  "use strict";
  const G = globalThis, out = std.out;
  const parse = JSON.parse, stringify = JSON.stringify, isArray = Array.isArray, text = String;
  for (const k of ["std", "os", "bjson", "gc", "print", "navigator", "scriptArgs", "setTimeout", "setInterval",
    "clearTimeout", "clearInterval", "console", "performance"]) delete G[k];

  const show = (v) => {
    if (typeof v === "string") return v;
    if (v instanceof Error) return v.name + ": " + v.message;
    try { const s = stringify(v); return s === undefined ? text(v) : s; } catch { return text(v); }
  };
  const line = (level) => (...args) => {
    // A line is one line: the rest is indented, so that none can be forged.
    out.puts(level + ": " + args.map(show).join(" ").slice(0, 4000).replace(/\n/g, "\n  ") + "\n");
    out.flush();
  };
  G.console = { log: line("info"), info: line("info"), debug: line("debug"), warn: line("warn"), error: line("error") };

  let a = 1, b = 2, c = 3, d = 4; // sfc32
  const random = () => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return (t >>> 0) / 4294967296;
  };
  Math.random = random;
  // Integers, and no function of the language: a script may have put its own in
  // the place of any, which would see what they are made of.
  const sow = (x, y, z) => {
    a = x | 0; b = y | 0; c = z | 0; d = 1;
    for (let i = 0; i < 12; i++) random();
  };
  sow(1, 2, 3);

  G.__waxwing = (hooks) => {
    delete G.__waxwing;
    return (hook, x, y, z, input) => {
      sow(x, y, z);
      const f = hooks[hook];
      if (typeof f !== "function") return "Fthere is no function " + hook;
      try {
        const r = f(parse(input));
        if (r !== null && typeof r === "object" && typeof r.then === "function") return "F" + hook + " must not be async";
        const s = stringify(r === undefined || r === null ? {} : r);
        if (s === undefined || s[0] !== "{") return "F" + hook + " must return an object";
        return "O" + s;
      } catch (e) {
        const at = e && e.stack ? text(e.stack).split("\n")[0].trim() : "";
        return "F" + (e instanceof Error ? e.name + ": " + e.message : text(e)) + (at ? " (" + at + ")" : "");
      }
    };
  };
})();
