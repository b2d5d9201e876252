// What a turn answers with: the form of its value, and the description of what nothing caught.
const DEPTH_MOST = 100; // readers of JSON commonly stop at 128

// Whether JSON says exactly what `value` is. `budget.left` bounds how much is looked at.
function hasJsonForm(value, depth, budget) {
  switch (typeof value) {
    case "string": return isWellFormed(value);
    case "boolean": return true;
    case "number": return value - value === 0 && !Object.is(value, -0);
    case "object": break;
    default: return false;
  }
  if (value === null) return true;
  if (depth <= 0) return false;
  // Proxies and the like; and what the writer of JSON would ask for something else.
  if (native.parts(value) || "toJSON" in value) return false;
  const prototype = getPrototypeOf(value);
  if (isArray(value)) {
    if (prototype !== arrayPrototype || ownKeys(value).length !== value.length + 1) return false;
    budget.left -= value.length;
    if (budget.left < 0) return false;
    for (let at = 0; at < value.length; at++) {
      const found = getOwnPropertyDescriptor(value, at);
      if (!found || !("value" in found) || !hasJsonForm(found.value, depth - 1, budget)) return false;
    }
    return true;
  }
  if (prototype !== objectPrototype && prototype !== null) return false;
  const keys = ownKeys(value);
  budget.left -= keys.length;
  if (budget.left < 0) return false;
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at];
    if (typeof key !== "string" || !isWellFormed(key)) return false;
    const found = getOwnPropertyDescriptor(value, key);
    if (!found.enumerable || !("value" in found) || !hasJsonForm(found.value, depth - 1, budget)) return false;
  }
  return true;
}

// [is JSON, text, was cut]
hooks.present = (value, room) => {
  let truncated = false;
  try {
    if (hasJsonForm(value, DEPTH_MOST, { left: room / 2 })) {
      const text = stringify(value);
      if (typeof text === "string") {
        // At most three bytes of UTF-8 for each unit; whoever is near the limit is measured.
        if (text.length * 3 <= room || native.encode(text).length <= room) return [true, text, false];
        truncated = true;
      }
    }
  } catch {
    // A stack that is too deep, or no memory: the short form may still do.
  }
  const text = inspect(value);
  return [false, text, truncated || text.length * 3 > room / 2];
};

function typeOf(error) {
  if (!isObject(error)) return typeof error;
  let name;
  try {
    name = error.name;
  } catch {
    name = undefined;
  }
  return typeof name === "string" && name !== "" ? name : constructorName(error) ?? "Object";
}

// The file, line and column of a syntax error.
function placeOf(error) {
  const frame = String(error.stack).split("\n")[0];
  const place = /^\s*at (.*):(\d+):(\d+)$/.exec(frame);
  if (place) return place.slice(1);
  // Of an import the engine knows the file, and what is named there.
  const [, file] = /^\s*at (\/.*)$/.exec(frame) ?? [];
  const [, specifier] = /^The requested module '(.*)' does not/.exec(error.message) ?? [];
  if (file === undefined || specifier === undefined) return undefined;
  const lines = (sourceOf(file) ?? "").split("\n");
  const line = lines.findIndex(text => text.includes(`'${specifier}'`) || text.includes(`"${specifier}"`));
  return line < 0 ? undefined : [file, line + 1, lines[line].search(/['"]/) + 1];
}

// The line that a syntax error is in, with a mark below its column.
function codeFrame(error) {
  const place = placeOf(error);
  if (!place) return "";
  const [file, line, column] = place;
  const source = sourceOf(file);
  const text = source?.split("\n")[line - 1];
  if (text === undefined || text.length > 400) return `${file}:${line}\n`;
  const mark = text.slice(0, column - 1).replace(/[^\t]/g, " ");
  return `${file}:${line}\n${text}\n${mark}^\n\n`;
}

let turnName, turnSource;
function sourceOf(file) {
  if (file === turnName) return turnSource;
  if (!file.startsWith("/")) return undefined;
  try {
    return readText(file);
  } catch {
    return undefined;
  }
}

// [type, message, traceback]
hooks.describe = (error, name, source) => {
  turnName = name;
  turnSource = source;
  const type = typeOf(error);
  if (native.parts(error)?.[0] !== "Error" && !isInstance(error, Error) && !isInstance(error, DOMException)) {
    const text = typeof error === "string" ? error : inspect(error);
    return [type, text, typeof error === "string" ? quote(error) : text];
  }
  let message;
  try {
    message = String(error.message);
  } catch {
    message = "";
  }
  let traceback;
  try {
    traceback = inspect(error, { depth: 4 });
    if (type === "SyntaxError") traceback = codeFrame(error) + traceback;
  } catch {
    traceback = message ? `${type}: ${message}` : type;
  }
  return [type, message, traceback];
};
