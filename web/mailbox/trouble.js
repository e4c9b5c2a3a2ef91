"use strict";
// The demonstration's panel: it breaks the first provider, and shows how both are.

{
  const $ = (id) => document.getElementById(id);
  const keys = ["refused", "delay", "lost"];
  const words = { refused: (v) => `${v} %`, lost: (v) => `${v} %`, delay: (v) => `${(v / 1000).toFixed(1)} s` };
  let busy = 0;

  const label = () => {
    for (const k of keys) {
      const s = $("trouble-" + k);
      $("trouble-" + k + "-is").textContent = words[k](Number(s.value));
      s.setAttribute("aria-valuetext", words[k](Number(s.value)));
      s.classList.toggle("on", Number(s.value) > 0);
    }
    $("trouble-mend").disabled = keys.every((k) => Number($("trouble-" + k).value) === 0);
  };

  const show = (got) => {
    if (!busy) for (const k of keys) $("trouble-" + k).value = got[k];
    label();
    const boxes = $("trouble-providers");
    while (boxes.children.length < got.providers.length) {
      const p = document.createElement("p");
      p.append(document.createElement("b"), document.createElement("span"), document.createElement("small"));
      boxes.append(p);
    }
    got.providers.forEach((p, i) => {
      const box = boxes.children[i];
      box.className = p.state;
      box.children[0].textContent = p.name;
      box.children[1].textContent = p.state;
      box.children[2].textContent = `${p.taken} taken`;
    });
    $("trouble").hidden = false;
  };

  const make = async () => {
    label();
    busy++;
    const body = Object.fromEntries(keys.map((k) => [k, Number($("trouble-" + k).value)]));
    try {
      await fetch("/mailbox/trouble", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    } catch { /* the page says that the daemon is gone */ }
    busy--;
  };

  const look = async () => {
    try {
      const res = await fetch("/mailbox/trouble");
      if (res.status === 404) return; // a mailbox without a panel
      if (res.ok) show(await res.json());
    } catch { /* as above */ }
    setTimeout(look, document.hidden ? 4000 : 1000);
  };

  for (const k of keys) $("trouble-" + k).addEventListener("input", make);
  $("trouble-mend").addEventListener("click", () => {
    for (const k of keys) $("trouble-" + k).value = 0;
    make();
  });
  look();
}
