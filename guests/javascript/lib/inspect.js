// Values as text, after the manner of Node's `util.inspect`.
const inspectCustom = Symbol.for("nodejs.util.inspect.custom");
const LINE = 80;
const ITEMS_MOST = 100;
const STRING_MOST = 10000;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

const ESCAPES = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v", "\\": "\\\\" };
function quote(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") && !text.includes("${") ? "`" : "'";
  const escaped = text.replace(/[\x00-\x1f\x7f-\x9f\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, c => {
    const code = c.charCodeAt(0);
    return ESCAPES[c] ?? (code > 0xff ? "\\u" + code.toString(16).toUpperCase() : "\\x" + code.toString(16).toUpperCase().padStart(2, "0"));
  });
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

function keyText(key) {
  if (typeof key === "symbol") return `[${key.toString()}]`;
  if (key === "__proto__") return "['__proto__']";
  return IDENTIFIER.test(key) ? key : quote(key);
}

function constructorName(value) {
  for (let at = value; at !== null; at = getPrototypeOf(at)) {
    const found = getOwnPropertyDescriptor(at, "constructor");
    if (found && typeof found.value === "function" && found.value.name !== "" && isInstance(value, found.value)) {
      return found.value.name;
    }
  }
  return null;
}

function isInstance(value, constructor) {
  try {
    return value instanceof constructor;
  } catch {
    return false;
  }
}

const primitive = value => {
  switch (typeof value) {
    case "string": return value.length > STRING_MOST ? quote(value.slice(0, STRING_MOST)) + `... ${value.length - STRING_MOST} more characters` : quote(value);
    case "number": return Object.is(value, -0) ? "-0" : String(value);
    case "bigint": return `${value}n`;
    case "symbol": return value.toString();
    default: return String(value);
  }
};

function formatFunction(value, keys) {
  const source = functionToString(value);
  const name = getOwnPropertyDescriptor(value, "name")?.value;
  if (source.startsWith("class") && !source.startsWith("class(")) {
    const parent = getPrototypeOf(value)?.name;
    return `[class ${name || "(anonymous)"}${parent ? ` extends ${parent}` : ""}]`;
  }
  const kind = constructorName(value) ?? "Function";
  return `[${kind}${name ? `: ${name}` : " (anonymous)"}]`;
}

function formatError(value, state) {
  let stack, head;
  try {
    stack = value.stack;
  } catch {
    stack = undefined;
  }
  try {
    head = errorToString(value);
  } catch {
    head = "Error";
  }
  const name = constructorName(value);
  if (name && name !== "Error" && head.startsWith("Error") && !head.startsWith(name)) head = name + head.slice(5);
  stack = typeof stack === "string" ? cleanStack(stack) : "";
  if (!stack) return `[${head}]`;
  return `${head}\n${stack}`.replaceAll("\n", "\n" + " ".repeat(state.indent - 2));
}

// Without the frames of this library.
function cleanStack(stack) {
  return stack.split("\n").filter(line => line.trim() && !line.includes("<sandcell>") && !line.includes("(native)")).join("\n");
}

function previewBytes(value) {
  const bytes = new Uint8Array(value).subarray(0, 50);
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join(" ");
  return hex + (value.byteLength > 50 ? ` ... ${value.byteLength - 50} more bytes` : "");
}

// The lines of an object: what stands before the brace, the entries, and the brackets.
function parts(value, kind, state) {
  const name = constructorName(value);
  const tag = (() => {
    const found = value[Symbol.toStringTag];
    return typeof found === "string" && found !== "" && found !== name ? found : "";
  })();
  const label = shown => (name === null ? `[${shown}: null prototype]` : name === shown ? shown : name) + (tag ? ` [${tag}]` : "");
  const entries = [];
  let keys = ownKeys(value).filter(key => getOwnPropertyDescriptor(value, key)?.enumerable);
  let open = "{", close = "}", before = "", base = "";
  const rest = (total, shown) => { if (total > shown) entries.push(`... ${total - shown} more item${total - shown > 1 ? "s" : ""}`); };
  if (isArray(value) || ArrayBuffer.isView(value) && kind !== "DataView") {
    [open, close] = "[]";
    before = isArray(value) ? (name === "Array" ? "" : `${label("Array")}(${value.length}) `) : `${label("TypedArray")}(${value.length}) `;
    keys = keys.filter(key => typeof key === "symbol" || !/^(0|[1-9]\d*)$/.test(key));
    let index = 0, shown = 0;
    while (index < value.length && shown < ITEMS_MOST) {
      if (isArray(value) && !hasOwn(value, index)) {
        let next = index + 1;
        while (next < value.length && next - index < 1e6 && !hasOwn(value, next)) next++;
        const holes = next - index >= 1e6 ? value.length - index : next - index;
        entries.push(`<${holes} empty item${holes > 1 ? "s" : ""}>`);
        index += holes;
      } else {
        entries.push(isArray(value) ? property(value, String(index), state, true) : primitive(value[index]));
        index++;
      }
      shown++;
    }
    rest(value.length, index);
  } else if (kind === "Map") {
    before = `${label("Map")}(${value.size}) `;
    let shown = 0;
    for (const [key, item] of value) {
      if (shown++ >= ITEMS_MOST) break;
      entries.push(`${format(key, state)} => ${format(item, state)}`);
    }
    rest(value.size, ITEMS_MOST);
  } else if (kind === "Set") {
    before = `${label("Set")}(${value.size}) `;
    let shown = 0;
    for (const item of value) {
      if (shown++ >= ITEMS_MOST) break;
      entries.push(format(item, state));
    }
    rest(value.size, ITEMS_MOST);
  } else if (kind === "Promise") {
    const [, promiseState, result] = native.parts(value);
    before = `${label("Promise")} `;
    entries.push(promiseState === 0 ? "<pending>" : (promiseState === 2 ? "<rejected> " : "") + format(result, state));
  } else if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") {
    before = `${label(kind)} `;
    entries.push(`[Uint8Contents]: <${previewBytes(value)}>`, `byteLength: ${value.byteLength}`);
  } else if (kind === "DataView") {
    before = "DataView ";
    entries.push(`byteLength: ${value.byteLength}`, `byteOffset: ${value.byteOffset}`, `buffer: ${format(value.buffer, state)}`);
  } else if (kind === "WeakMap" || kind === "WeakSet" || kind === "WeakRef") {
    before = `${label(kind)} `;
    entries.push("<items unknown>");
  } else if (kind === "Map Iterator" || kind === "Set Iterator" || kind === "Generator" || kind === "AsyncGenerator") {
    before = `Object [${kind}] `;
  } else if (kind === "Arguments") {
    [open, close] = "[]";
    before = "[Arguments] ";
    for (const item of Array.prototype.slice.call(value)) entries.push(format(item, state));
    keys = [];
  } else if (typeof value === "function") {
    base = formatFunction(value, keys);
  } else if (kind === "Error") {
    base = formatError(value, state);
    keys = keys.filter(key => !["stack", "message", "cause", "errors"].includes(key) && !(key === "name" && base.startsWith(value.name)));
    if (hasOwn(value, "cause")) entries.push(`[cause]: ${format(value.cause, state)}`);
    if (hasOwn(value, "errors") && isArray(value.errors)) entries.push(`[errors]: ${format(value.errors, state)}`);
  } else if (kind === "RegExp") {
    base = RegExp.prototype.toString.call(value);
  } else if (kind === "Date") {
    base = Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  } else if (kind === "Number" || kind === "String" || kind === "Boolean" || kind === "Symbol" || kind === "BigInt") {
    base = `[${kind}: ${primitive(value.valueOf())}]`;
    if (kind === "String") keys = keys.filter(key => typeof key === "symbol" || !/^\d+$/.test(key));
  } else {
    const shown = label("Object");
    before = shown === "Object" ? "" : `${shown} `;
  }
  for (const key of keys) entries.push(property(value, key, state, false));
  const list = open === "[" && kind !== "Arguments" ? value : undefined;
  return { base, before, open, close, entries, list };
}

function property(value, key, state, isItem) {
  const found = getOwnPropertyDescriptor(value, key);
  let text;
  if (!found) text = format(value[key], state);
  else if (found.get) text = found.set ? "[Getter/Setter]" : "[Getter]";
  else if (found.set) text = "[Setter]";
  else text = format(found.value, state);
  return isItem ? text : `${keyText(key)}: ${text}`;
}

// Many short entries in columns: about as wide as high, and no wider than a terminal.
function columns(entries, value, indent) {
  const extra = entries.length > value.length || value.length > ITEMS_MOST ? entries.slice(-1) : [];
  const shown = extra.length ? entries.slice(0, -1) : entries;
  const widest = Math.max(...shown.map(entry => entry.length)) + 2;
  const total = shown.reduce((sum, entry) => sum + entry.length + 2, 0);
  if (widest * 3 + indent >= LINE || (total / widest <= 5 && widest > 8)) return entries;
  const typical = Math.max(widest - 3 - Math.sqrt(widest - total / entries.length), 1);
  const count = Math.min(Math.round(Math.sqrt(2.5 * typical * shown.length) / typical), Math.floor((LINE - indent) / widest), 12, 15);
  if (count <= 1) return entries;
  const widths = Array.from({ length: count }, (_, column) => Math.max(...shown.filter((_, at) => at % count === column).map(entry => entry.length)) + 2);
  const isNumeric = shown.every((_, at) => typeof value[at] === "number" || typeof value[at] === "bigint");
  const rows = [];
  for (let at = 0; at < shown.length; at += count) {
    const row = shown.slice(at, at + count);
    rows.push(row.map((entry, column) => {
      const isLast = column === row.length - 1;
      if (isNumeric) return isLast ? entry.padStart(widths[column] - 2) : `${entry}, `.padStart(widths[column]);
      return isLast ? entry : `${entry}, `.padEnd(widths[column]);
    }).join(""));
  }
  return [...rows, ...extra];
}

function join({ base, before, open, close, entries, list }, state) {
  if (entries.length === 0) return base || `${before}${open}${close}`;
  const prefix = base ? `${base} ${open}` : before + open;
  const rows = list && entries.length > 6 ? columns(entries, list, state.indent) : entries;
  if (rows === entries && state.latest - state.depth < 3 && !base.includes("\n")) {
    const one = entries.join(", ");
    const size = entries.reduce((sum, entry) => sum + entry.length, 2 * entries.length + state.indent + prefix.length + 10);
    if (size <= LINE && !one.includes("\n")) return `${prefix} ${one} ${close}`;
  }
  const pad = "\n" + " ".repeat(state.indent);
  return `${prefix}${pad}  ${rows.join(`,${pad}  `)}${pad}${close}`;
}

function format(value, state) {
  if (!isObject(value)) return primitive(value);
  const kind = native.parts(value)?.[0] ?? (isInstance(value, DOMException) ? "Error" : undefined);
  if (kind === "Proxy") return format(native.parts(value)[1], state);
  const custom = value[inspectCustom];
  if (typeof custom === "function" && custom !== inspect) {
    const made = apply(custom, value, [state.most - state.depth, {}, inspect]);
    if (made !== value) return typeof made === "string" ? made.replaceAll("\n", "\n" + " ".repeat(state.indent)) : format(made, state);
  }
  if (state.seen.includes(value)) {
    state.circular.add(value);
    return "[Circular *1]";
  }
  if (state.depth > state.most) {
    const name = constructorName(value);
    if (kind === undefined && (name === "Array" || name === "Object") && Object.keys(value).length === 0) return isArray(value) ? "[]" : "{}";
    return isArray(value) ? "[Array]" : `[${name ?? "Object: null prototype"}]`;
  }
  const here = state.depth, indent = state.indent;
  state.seen.push(value);
  state.depth++;
  state.indent += 2;
  const before = state.latest;
  state.latest = here;
  let made;
  try {
    made = parts(value, kind, state);
  } finally {
    state.seen.pop();
    state.depth = here;
    state.indent = indent;
  }
  // The depth of what was shown last, which empty objects do not count for.
  if (made.entries.length === 0) state.latest = before;
  let text = join(made, state);
  if (state.circular.has(value)) text = `<ref *1> ${text}`;
  return text;
}

function inspect(value, options, ...older) {
  const depth = typeof options === "object" && options !== null ? options.depth : older[0];
  const most = depth === null || depth === Infinity ? 1000 : depth ?? 2;
  return format(value, { most, depth: 0, indent: 0, latest: 0, seen: [], circular: new Set() });
}
inspect.custom = inspectCustom;

// console.log's arguments as one text (console specification, section 2.2).
function formatArguments(args) {
  let text = "", next = 0;
  if (typeof args[0] === "string" && args.length > 1 && args[0].includes("%")) {
    next = 1;
    text = args[0].replace(/%[sdifjoOc%]/g, mark => {
      if (mark === "%%") return "%";
      if (next >= args.length) return mark;
      const value = args[next++];
      switch (mark) {
        case "%s": return typeof value === "string" ? value : isObject(value) ? inspect(value, { depth: 0 }) : primitive(value);
        case "%d": return isObject(value) ? "NaN" : typeof value === "bigint" ? `${value}n` : typeof value === "symbol" ? "NaN" : primitive(Number(value));
        case "%i": return isObject(value) || typeof value === "symbol" ? "NaN" : typeof value === "bigint" ? `${value}n` : primitive(parseInt(value));
        case "%f": return typeof value === "symbol" ? "NaN" : primitive(parseFloat(value));
        case "%j": try { return stringify(value) ?? "undefined"; } catch { return "[Circular]"; }
        case "%c": return "";
        default: return inspect(value, { depth: mark === "%o" ? 4 : 2 });
      }
    });
  } else if (args.length > 0) {
    next = 1;
    text = typeof args[0] === "string" ? args[0] : inspect(args[0]);
  }
  for (; next < args.length; next++) text += " " + (typeof args[next] === "string" ? args[next] : inspect(args[next]));
  return text;
}
