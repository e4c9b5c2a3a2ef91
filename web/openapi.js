"use strict";
const el = (tag, text, cls) => {
  const e = document.createElement(tag);
  if (text) e.textContent = text;
  if (cls) e.className = cls;
  return e;
};
fetch("/v1/openapi.json").then((r) => r.json()).then((doc) => {
  document.getElementById("about").textContent = doc.info.description;
  for (const [path, methods] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(methods)) {
      const box = el("section", "", "op");
      const head = el("h2");
      head.append(el("span", method.toUpperCase(), "m"), el("code", path));
      box.append(head, el("p", op.summary + (op.description ? ". " + op.description : "")));
      const rows = el("table");
      const row = (a, b) => {
        const r = el("tr");
        const c = el("td");
        c.append(el("code", a));
        r.append(c, el("td", b));
        rows.append(r);
      };
      for (const p of op.parameters || []) if (p.in === "query") row("?" + p.name, p.description || "");
      for (const [code, r] of Object.entries(op.responses)) row(code, r.description);
      box.append(rows);
      document.getElementById("ops").append(box);
    }
  }
});
