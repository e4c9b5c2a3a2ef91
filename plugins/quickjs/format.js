// Dates and money as the confirmation's language writes them: the engine has no
// CLDR, the host puts it into input.format. sdk/gen copies this for node.
(function () {
  "use strict";
  const text = String, G = globalThis;
  const day = (f, pattern, s) => {
    const m = /^(\d{4})-(\d\d)-(\d\d)/.exec(s);
    if (!f || !m || +m[2] < 1 || +m[2] > 12 || +m[3] < 1 || +m[3] > 31) return text(s);
    const weekday = new Date(Date.UTC(+m[1], +m[2] - 1, +m[3])).getUTCDay();
    return f[pattern].replace(/\{(year|month|day|weekday)\}/g, (_, k) =>
      k === "year" ? text(+m[1]) : k === "day" ? text(+m[3]) : k === "month" ? f.months[m[2] - 1] : f.weekdays[weekday]);
  };
  G.formatDate = (format, s) => day(format, "date", s);
  G.formatWeekday = (format, s) => day(format, "weekday", s);
  G.formatMoney = (format, money) => {
    const x = format && format.money, m = /^(-?)(\d+)(?:\.(\d+))?$/.exec(money.amount);
    if (!x || !m || x.currency !== money.currency) return money.amount + " " + money.currency;
    const decimals = (/[1-9]/.test(m[3] || "") ? m[3] : "").padEnd(x.decimals, "0");
    const whole = m[2].length >= 3 + x.min_group ? m[2].replace(/\B(?=(\d{3})+$)/g, () => x.group || "") : m[2];
    const sign = m[1] ? "_negative" : "";
    return (x["before" + sign] || "") + whole + (decimals && (x.point || "") + decimals) + (x["after" + sign] || "");
  };
})();
