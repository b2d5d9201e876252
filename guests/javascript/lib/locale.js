// There is no Intl. The most used of its methods, for en-US only.
function groupDigits(text) {
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  return whole === undefined ? text : sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + rest;
}
function numberText(value, options = {}) {
  if (typeof value === "bigint") return groupDigits(`${value}`);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value < 0 ? "-∞" : "∞";
  const { style = "decimal", currency } = options;
  const isMoney = style === "currency", digits = isMoney ? 2 : 0;
  const least = options.minimumFractionDigits ?? digits;
  const most = Math.max(options.maximumFractionDigits ?? (isMoney ? 2 : style === "percent" ? 0 : 3), least);
  let text = (style === "percent" ? value * 100 : value).toFixed(Math.min(most, 100));
  if (text.includes("e")) return text;
  if (text.includes(".")) {
    while (text.endsWith("0") && text.length - text.indexOf(".") - 1 > least) text = text.slice(0, -1);
    if (text.endsWith(".")) text = text.slice(0, -1);
  }
  if (options.useGrouping !== false) text = groupDigits(text);
  const mark = isMoney ? { USD: "$", EUR: "€", GBP: "£", JPY: "¥" }[currency] ?? `${currency} ` : "";
  if (isMoney) text = text.startsWith("-") ? `-${mark}${text.slice(1)}` : mark + text;
  return style === "percent" ? text + "%" : text;
}
define(Number.prototype, "toLocaleString", function toLocaleString(locale, options) { return numberText(Number(this), options); });
define(BigInt.prototype, "toLocaleString", function toLocaleString() { return numberText(BigInt(this)); });
