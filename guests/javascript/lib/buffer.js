// Buffer: bytes with Node's ways of reading them as text.
const ENCODINGS = { utf8: "utf8", "utf-8": "utf8", hex: "hex", base64: "base64", base64url: "base64url", latin1: "latin1", binary: "latin1", ascii: "latin1", utf16le: "utf16le", "utf-16le": "utf16le", ucs2: "utf16le", "ucs-2": "utf16le" };
function encodingOf(name = "utf8") {
  const encoding = ENCODINGS[`${name}`.toLowerCase()];
  if (encoding) return encoding;
  const error = new TypeError(`Unknown encoding: ${name}`);
  error.code = "ERR_UNKNOWN_ENCODING";
  throw error;
}
const binary = bytes => native.latin1(bytes);
const fromBinary = text => Uint8Array.from(text, character => character.charCodeAt(0));
function textToBytes(text, encoding) {
  switch (encodingOf(encoding)) {
    case "utf8": return native.encode(text);
    case "latin1": return fromBinary(text);
    case "hex": return Uint8Array.from(/^([\da-f]{2})*/i.exec(text)[0].match(/../g) ?? [], pair => parseInt(pair, 16));
    case "utf16le": return Uint8Array.from({ length: text.length * 2 }, (_, at) => (text.charCodeAt(at >> 1) >> (at % 2 ? 8 : 0)) & 0xff);
    default: return fromBinary(atob(text.replace(/[^\w+/-]/g, "").replaceAll("-", "+").replaceAll("_", "/").replace(/^((?:....)*).$/s, "$1")));
  }
}
function bytesToText(bytes, encoding) {
  switch (encodingOf(encoding)) {
    case "utf8": return native.decode(bytes, false);
    case "latin1": return binary(bytes);
    case "hex": return Array.from(bytes, byte => HEX[byte]).join("");
    case "utf16le": return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(bytes);
    case "base64": return btoa(binary(bytes));
    default: return btoa(binary(bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }
}
class Buffer extends Uint8Array {
  static from(source, second, third) {
    if (typeof source === "string") return Buffer.#of(textToBytes(source, second));
    const kind = native.parts(source)?.[0];
    if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") return new Buffer(source, second, third);
    if (source?.type === "Buffer" && isArray(source.data)) return Buffer.#of(Uint8Array.from(source.data));
    if (isObject(source)) return Buffer.#of(Uint8Array.from(source));
    throw new TypeError(`The first argument must be a string, a buffer or an array. Received ${inspect(source)}`);
  }
  static #of(bytes) { return new Buffer(bytes.buffer, bytes.byteOffset, bytes.byteLength); }
  static alloc(size, fill, encoding) {
    const made = new Buffer(size);
    return fill === undefined ? made : made.fill(fill, 0, size, encoding);
  }
  static allocUnsafe(size) { return new Buffer(size); }
  static isBuffer(value) { return isInstance(value, Buffer); }
  static isEncoding(name) { return `${name}`.toLowerCase() in ENCODINGS; }
  static byteLength(value, encoding) { return typeof value === "string" ? textToBytes(value, encoding).length : value.byteLength; }
  static concat(list, length = list.reduce((sum, bytes) => sum + bytes.length, 0)) {
    const made = Buffer.alloc(length);
    let at = 0;
    for (const bytes of list) {
      made.set(bytes.subarray(0, Math.max(length - at, 0)), at);
      at += bytes.length;
    }
    return made;
  }
  static compare(a, b) {
    for (let at = 0; at < a.length && at < b.length; at++) if (a[at] !== b[at]) return a[at] < b[at] ? -1 : 1;
    return Math.sign(a.length - b.length);
  }
  toString(encoding, start = 0, end = this.length) { return bytesToText(this.subarray(start, end), encoding); }
  toJSON() { return { type: "Buffer", data: Array.from(this) }; }
  equals(other) { return Buffer.compare(this, other) === 0; }
  compare(other) { return Buffer.compare(this, other); }
  slice(start, end) { return this.subarray(start, end); }
  write(text, offset = 0, length = this.length - offset, encoding) {
    if (typeof offset === "string") [offset, encoding, length] = [0, offset, this.length];
    const bytes = textToBytes(text, encoding).subarray(0, Math.min(length, this.length - offset));
    this.set(bytes, offset);
    return bytes.length;
  }
  fill(value, start = 0, end = this.length, encoding) {
    if (typeof value !== "string") return super.fill(value, start, end);
    const bytes = textToBytes(value, encoding);
    for (let at = start; at < end && bytes.length; at++) this[at] = bytes[(at - start) % bytes.length];
    return this;
  }
  copy(target, at = 0, start = 0, end = this.length) {
    const bytes = this.subarray(start, Math.min(end, start + target.length - at));
    target.set(bytes, at);
    return bytes.length;
  }
  indexOf(value, from = 0, encoding) {
    if (typeof value === "number") return super.indexOf(value, from);
    const bytes = typeof value === "string" ? textToBytes(value, encoding) : value;
    outer: for (let at = from; at + bytes.length <= this.length; at++) {
      for (let i = 0; i < bytes.length; i++) if (this[at + i] !== bytes[i]) continue outer;
      return at;
    }
    return -1;
  }
  includes(value, from, encoding) { return this.indexOf(value, from, encoding) >= 0; }
  [inspectCustom]() {
    const hex = Array.from(this.subarray(0, 50), byte => HEX[byte]).join(" ");
    return `<Buffer${hex ? " " + hex : ""}${this.length > 50 ? ` ... ${this.length - 50} more bytes` : ""}>`;
  }
}
for (const [name, size, getter, setter] of [
  ["UInt8", 1, "getUint8", "setUint8"], ["Int8", 1, "getInt8", "setInt8"],
  ...[["UInt16", 2, "Uint16"], ["Int16", 2, "Int16"], ["UInt32", 4, "Uint32"], ["Int32", 4, "Int32"], ["Float", 4, "Float32"], ["Double", 8, "Float64"],
    ["BigInt64", 8, "BigInt64"], ["BigUInt64", 8, "BigUint64"]]
    .flatMap(([name, size, type]) => [[name + "LE", size, "get" + type, "set" + type], [name + "BE", size, "get" + type, "set" + type]]),
]) {
  const little = name.endsWith("LE");
  const view = (bytes, at) => {
    if (!(at >= 0 && at + size <= bytes.length)) {
      const error = new RangeError(`The value of "offset" is out of range. It must be >= 0 and <= ${bytes.length - size}. Received ${at}`);
      error.code = "ERR_OUT_OF_RANGE";
      throw error;
    }
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  define(Buffer.prototype, "read" + name, function (at = 0) { return view(this, at)[getter](at, little); });
  define(Buffer.prototype, "write" + name, function (value, at = 0) { view(this, at)[setter](at, value, little); return at + size; });
}
const bufferFrom = Buffer.from;
global("Buffer", Buffer);
