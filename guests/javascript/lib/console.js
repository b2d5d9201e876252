// console, after its specification, as Node prints it.
let groups = "";
const counts = new Map();
const marks = new Map();

function print(fd, args) {
  let text = args.length === 1 && typeof args[0] === "string" ? args[0] : formatArguments(args);
  if (groups) text = groups + text.replaceAll("\n", "\n" + groups);
  native.write(fd, text + "\n");
}

function table(rows, only) {
  if (!isObject(rows)) return print(1, [rows]);
  const isMap = native.parts(rows)?.[0] === "Map";
  const list = isMap ? Array.from(rows, ([key, value], at) => [String(at), value]) : Object.entries(rows);
  const names = only ? [...only] : [];
  let plain = false;
  for (const [, row] of list) {
    if (!isObject(row)) plain = true;
    else if (!only) for (const key of Object.keys(row)) if (!names.includes(key)) names.push(key);
  }
  const head = ["(index)", ...names, ...(plain ? ["Values"] : [])];
  const cell = value => (isObject(value) ? inspect(value, { depth: 0 }) : primitive(value));
  const body = list.map(([key, row]) => [
    key,
    ...names.map(name => (isObject(row) && hasOwn(row, name) ? cell(row[name]) : "")),
    ...(plain ? [isObject(row) ? "" : cell(row)] : []),
  ]);
  const widths = head.map((text, at) => Math.max(text.length, ...body.map(row => row[at].length)) + 2);
  const line = row => "│" + row.map((text, at) => (" " + text).padEnd(widths[at])).join("│") + "│";
  const rule = (left, middle, right) => left + widths.map(width => "─".repeat(width)).join(middle) + right;
  print(1, [[rule("┌", "┬", "┐"), line(head), rule("├", "┼", "┤"), ...body.map(line), rule("└", "┴", "┘")].join("\n")]);
}

function elapsed(label) {
  const started = marks.get(label);
  if (started === undefined) return undefined;
  const ms = native.clock() - started;
  return ms >= 1000 ? `${(ms / 1000).toFixed(3)}s` : `${Number(ms.toFixed(3))}ms`;
}

const consoleMethods = {
  log(...args) { print(1, args); },
  info(...args) { print(1, args); },
  debug(...args) { print(1, args); },
  error(...args) { print(2, args); },
  warn(...args) { print(2, args); },
  trace(...args) {
    const text = args.length ? ": " + formatArguments(args) : "";
    print(2, [`Trace${text}\n${cleanStack(new Error().stack)}`]);
  },
  dir(value, options) { print(1, [inspect(value, options)]); },
  dirxml(...args) { print(1, args); },
  table,
  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
    else args.unshift("Assertion failed");
    print(2, args);
  },
  count(label = "default") {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    print(1, [`${label}: ${count}`]);
  },
  countReset(label = "default") { counts.delete(`${label}`); },
  group(...args) {
    if (args.length) print(1, args);
    groups += "  ";
  },
  groupCollapsed(...args) { consoleMethods.group(...args); },
  groupEnd() { groups = groups.slice(2); },
  time(label = "default") { marks.set(`${label}`, native.clock()); },
  timeLog(label = "default", ...args) {
    const text = elapsed(`${label}`);
    if (text !== undefined) print(1, [`${label}: ${text}`, ...args]);
  },
  timeEnd(label = "default") {
    consoleMethods.timeLog(label);
    marks.delete(`${label}`);
  },
  clear() {},
};
const consoleObject = {};
for (const [name, method] of Object.entries(consoleMethods)) consoleObject[name] = method;
define(consoleObject, Symbol.toStringTag, "console");
global("console", consoleObject);
