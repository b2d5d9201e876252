// TextEncoder and TextDecoder (WHATWG encoding), and atob/btoa, which QuickJS has.
const bytesOf = source => {
  if (source === undefined) return new Uint8Array(0);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
};

class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") { return native.encode(`${text}`); }
  encodeInto(text, into) {
    let read = 0, written = 0;
    for (const character of `${text}`) {
      const bytes = native.encode(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

const LABELS = {
  "utf-8": "utf-8", utf8: "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-16le": "utf-16le", "utf-16": "utf-16le", "ucs-2": "utf-16le",
  "utf-16be": "utf-16be", latin1: "windows-1252", "iso-8859-1": "windows-1252", ascii: "windows-1252", "us-ascii": "windows-1252", "windows-1252": "windows-1252",
};
const WINDOWS_1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #kept = new Uint8Array(0);
  #begun = false;
  constructor(label = "utf-8", options = {}) {
    const encoding = LABELS[`${label}`.trim().toLowerCase()];
    if (encoding === undefined) throw new RangeError(`The "${label}" encoding is not supported`);
    this.#encoding = encoding;
    this.#fatal = !!options.fatal;
    this.#ignoreBOM = !!options.ignoreBOM;
  }
  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }
  decode(source, options = {}) {
    let bytes = bytesOf(source);
    if (this.#kept.length) {
      const joined = new Uint8Array(this.#kept.length + bytes.length);
      joined.set(this.#kept);
      joined.set(bytes, this.#kept.length);
      bytes = joined;
      this.#kept = new Uint8Array(0);
    }
    if (options.stream) {
      const left = this.#encoding === "utf-8" ? native.incomplete(bytes) : this.#encoding.startsWith("utf-16") ? bytes.length % 2 : 0;
      this.#kept = bytes.slice(bytes.length - left);
      bytes = bytes.subarray(0, bytes.length - left);
    }
    let text;
    if (this.#encoding === "utf-8") text = native.decode(bytes, this.#fatal);
    else if (this.#encoding === "windows-1252") text = native.latin1(bytes).replace(/[\x80-\x9f]/g, c => WINDOWS_1252[c.charCodeAt(0) - 0x80]);
    else text = this.#wide(bytes);
    if (!this.#begun && !this.#ignoreBOM && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    this.#begun = !!options.stream && (this.#begun || bytes.length > 0);
    return text;
  }
  #wide(bytes) {
    const little = this.#encoding === "utf-16le", units = [];
    for (let at = 0; at + 1 < bytes.length; at += 2) {
      units.push(little ? bytes[at] | (bytes[at + 1] << 8) : (bytes[at] << 8) | bytes[at + 1]);
    }
    let text = "";
    for (let at = 0; at < units.length; at += 8192) text += String.fromCharCode(...units.slice(at, at + 8192));
    if (bytes.length % 2) text += "\ufffd";
    if (this.#fatal && !text.isWellFormed()) throw new TypeError("The encoded data was not valid for encoding utf-16");
    return text.toWellFormed();
  }
}
global("TextEncoder", TextEncoder);
global("TextDecoder", TextDecoder);
