// URL and URLSearchParams (WHATWG URL). Host names are ASCII: there is no IDNA, and others are refused.
const SPECIAL = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
const ESCAPE_SETS = {
  c0: /[^\x20-\x7e]/u,
  fragment: /[^\x21\x23-\x3b\x3d\x3f-\x5f\x61-\x7e]/u, // also " < > `
  query: /[^\x21\x24-\x3b\x3d\x3f-\x7e]/u, // also " # < >
  specialQuery: /[^\x21\x24-\x26\x28-\x3b\x3d\x3f-\x7e]/u, // also '
  path: /[^\x21\x24-\x3b\x3d\x40-\x5d\x5f\x61-\x7a\x7c\x7e]/u, // also " # < > ? ^ ` { }
  userinfo: /[^\x21\x24-\x2e\x30-\x39\x41-\x5a\x5f\x61-\x7a\x7e]/u,
};
const percent = byte => "%" + HEX[byte].toUpperCase();
function escape(text, set) {
  let made = "";
  for (const character of text) {
    if (ESCAPE_SETS[set].test(character)) for (const byte of native.encode(character)) made += percent(byte);
    else made += character;
  }
  return made;
}
function unescapeBytes(text) {
  const bytes = native.encode(text), made = [];
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === 0x25 ? String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      made.push(parseInt(hex, 16));
      at += 2;
    } else made.push(bytes[at]);
  }
  return native.decode(new Uint8Array(made), false);
}

function invalid(input) {
  const error = new TypeError("Invalid URL");
  error.code = "ERR_INVALID_URL";
  error.input = input;
  return error;
}

function parseIPv4(host) {
  const pieces = host.split(".");
  if (pieces.at(-1) === "" && pieces.length > 1) pieces.pop();
  if (!/^(\d+|0[xX][\da-fA-F]*)$/.test(pieces.at(-1))) return undefined;
  const numbers = pieces.map(piece => {
    if (/^0[xX][\da-fA-F]*$/.test(piece)) return piece.length === 2 ? 0 : parseInt(piece, 16);
    if (/^0[0-7]+$/.test(piece)) return parseInt(piece, 8);
    return /^\d+$/.test(piece) && !/^0\d/.test(piece) ? parseInt(piece, 10) : NaN;
  });
  const last = numbers.at(-1);
  if (pieces.length > 4 || numbers.some(Number.isNaN) || numbers.slice(0, -1).some(n => n > 255) || last >= 256 ** (5 - numbers.length)) return null;
  const value = numbers.slice(0, -1).reduce((sum, n, at) => sum + n * 256 ** (3 - at), last);
  return [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join(".");
}

function parseIPv6(text) {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const words = half => {
    if (half === "") return [];
    const made = [];
    const pieces = half.split(":");
    for (const [at, piece] of pieces.entries()) {
      if (at === pieces.length - 1 && piece.includes(".")) {
        const bytes = piece.split(".");
        if (bytes.length !== 4 || !bytes.every(byte => /^(0|[1-9]\d{0,2})$/.test(byte) && byte < 256)) return null;
        made.push(bytes[0] * 256 + +bytes[1], bytes[2] * 256 + +bytes[3]);
      } else if (/^[\da-fA-F]{1,4}$/.test(piece)) made.push(parseInt(piece, 16));
      else return null;
    }
    return made;
  };
  const [head, tail] = [words(halves[0]), halves.length > 1 ? words(halves[1]) : []];
  if (!head || !tail) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length > 1 ? gap < 1 : gap !== 0) return null;
  const all = [...head, ...new Array(gap).fill(0), ...tail];
  let best = -1, longest = 1;
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && all[end] === 0) end++;
    if (end - at > longest) [best, longest] = [at, end - at];
  }
  const hex = list => list.map(word => word.toString(16)).join(":");
  return best < 0 ? `[${hex(all)}]` : `[${hex(all.slice(0, best))}::${hex(all.slice(best + longest))}]`;
}

function parseHost(text, special) {
  if (text.startsWith("[")) return text.endsWith("]") ? parseIPv6(text.slice(1, -1)) : null;
  if (!special) return /[\0\t\n\r #/:<>?@[\\\]^|]/.test(text) ? null : escape(text, "c0");
  const host = unescapeBytes(text).toLowerCase();
  if (host === "" || /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]|[^\x00-\x7f]/.test(host)) return null;
  const address = parseIPv4(host);
  return address === undefined ? host : address;
}

// The parts of `input`, or null. `base` are the parts of another URL.
function parseUrl(input, base) {
  let text = input.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
  const url = { protocol: "", username: "", password: "", host: null, port: "", path: [], opaque: null, query: null, fragment: null };
  const hash = text.indexOf("#");
  if (hash >= 0) {
    url.fragment = escape(text.slice(hash + 1), "fragment");
    text = text.slice(0, hash);
  }
  const scheme = /^([a-zA-Z][a-zA-Z\d+.-]*):/.exec(text);
  let rest;
  if (scheme) {
    url.protocol = scheme[1].toLowerCase() + ":";
    rest = text.slice(scheme[0].length);
  } else {
    if (!base) return null;
    if (base.opaque !== null) {
      if (text !== "" || hash < 0) return null;
      return { ...base, fragment: url.fragment };
    }
    url.protocol = base.protocol;
    rest = text;
  }
  const special = url.protocol in SPECIAL;
  const question = rest.indexOf("?");
  if (question >= 0) {
    url.query = escape(rest.slice(question + 1), special ? "specialQuery" : "query");
    rest = rest.slice(0, question);
  }
  if (special) rest = rest.replaceAll("\\", "/");
  const relative = base && base.opaque === null && (!scheme || (special && url.protocol === base.protocol && !rest.startsWith("/")));
  let authority = null;
  if (url.protocol === "file:") {
    const match = /^\/\/([^/]*)(.*)$/s.exec(rest);
    if (match) [authority, rest] = [/^[a-zA-Z][:|]$/.test(match[1]) ? "" : match[1], /^[a-zA-Z][:|]$/.test(match[1]) ? "/" + match[1] + match[2] : match[2]];
    else if (!relative || rest.startsWith("/")) authority = base?.protocol === "file:" ? base.host ?? "" : "";
  } else if (special && !(relative && !/^\/\//.test(rest))) {
    const match = /^\/*([^/]*)(.*)$/s.exec(rest);
    [authority, rest] = [match[1], match[2]];
  } else if (rest.startsWith("//")) {
    const match = /^\/\/([^/]*)(.*)$/s.exec(rest);
    [authority, rest] = [match[1], match[2]];
  }
  if (authority !== null) {
    const at = authority.lastIndexOf("@");
    if (at >= 0) {
      const user = authority.slice(0, at), colon = user.indexOf(":");
      url.username = escape(colon < 0 ? user : user.slice(0, colon), "userinfo");
      url.password = colon < 0 ? "" : escape(user.slice(colon + 1), "userinfo");
      authority = authority.slice(at + 1);
      if (authority === "") return null;
    }
    const port = /:(\d*)$/.exec(authority);
    if (port && !authority.endsWith("]")) {
      if (+port[1] > 65535) return null;
      authority = authority.slice(0, port.index);
      if (port[1] !== "" && String(+port[1]) !== SPECIAL[url.protocol]) url.port = String(+port[1]);
      if (authority === "") return null;
    } else if (/:[^\]]*$/.test(authority) && !authority.endsWith("]")) return null;
    if (authority === "" && special && url.protocol !== "file:") return null;
    url.host = authority === "" ? "" : parseHost(authority, special);
    if (url.host === null) return null;
    if (url.protocol === "file:" && url.host === "localhost") url.host = "";
  } else if (relative) {
    ({ username: url.username, password: url.password, host: url.host, port: url.port } = base);
    if (rest === "") {
      url.path = [...base.path];
      if (question < 0) url.query = base.query;
      return url;
    }
    if (!rest.startsWith("/")) url.path = base.path.slice(0, -1);
  } else if (!special && !rest.startsWith("/")) {
    url.opaque = escape(rest, "c0");
    return url;
  }
  return walk(url, rest, special);
}

function walk(url, rest, special) {
  if (rest === "") {
    if (special && url.path.length === 0) url.path = [""];
    return url;
  }
  const segments = (rest.startsWith("/") ? rest.slice(1) : rest).split("/");
  for (const [at, segment] of segments.entries()) {
    const last = at === segments.length - 1, plain = segment.replace(/%2e/gi, ".");
    if (plain === "..") {
      if (!(url.protocol === "file:" && url.path.length === 1 && /^[a-zA-Z]:$/.test(url.path[0]))) url.path.pop();
      if (last) url.path.push("");
    } else if (plain === ".") {
      if (last) url.path.push("");
    } else {
      const drive = url.protocol === "file:" && url.path.length === 0 && /^[a-zA-Z][:|]$/.test(segment);
      url.path.push(drive ? segment[0] + ":" : escape(segment, "path"));
    }
  }
  return url;
}

const pathOf = url => (url.opaque !== null ? url.opaque : url.path.map(segment => "/" + segment).join(""));
function hrefOf(url, withFragment = true) {
  let text = url.protocol;
  if (url.host !== null) {
    text += "//";
    if (url.username || url.password) text += url.username + (url.password ? ":" + url.password : "") + "@";
    text += url.host + (url.port ? ":" + url.port : "");
  } else if (url.opaque === null && url.path.length > 1 && url.path[0] === "") text += "/.";
  text += pathOf(url);
  if (url.query !== null) text += "?" + url.query;
  return withFragment && url.fragment !== null ? text + "#" + url.fragment : text;
}

const formEscape = text => {
  let made = "";
  for (const byte of native.encode(text)) {
    const character = String.fromCharCode(byte);
    made += character === " " ? "+" : /[\w*.-]/.test(character) ? character : percent(byte);
  }
  return made;
};
const formUnescape = text => unescapeBytes(text.replaceAll("+", " "));

// For URL only: parameters that tell of each change, and that can be read anew.
let follow, reload;
class URLSearchParams {
  #list = [];
  #changed = null;
  constructor(source = "") {
    if (isObject(source)) {
      const pairs = typeof source[Symbol.iterator] === "function" ? source : Object.entries(source);
      for (const pair of pairs) {
        const [key, value, ...more] = [...pair];
        if (value === undefined || more.length) throw new TypeError("Each query pair must be an iterable [name, value] tuple");
        this.#list.push([`${key}`, `${value}`]);
      }
    } else this.#read(`${source}`);
  }
  #read(text) {
    if (text.startsWith("?")) text = text.slice(1);
    for (const part of text.split("&")) {
      if (part === "") continue;
      const at = part.indexOf("=");
      this.#list.push(at < 0 ? [formUnescape(part), ""] : [formUnescape(part.slice(0, at)), formUnescape(part.slice(at + 1))]);
    }
  }
  static {
    follow = (text, changed) => {
      const made = new URLSearchParams(text);
      made.#changed = changed;
      return made;
    };
    reload = (params, text) => {
      params.#list = [];
      params.#read(text);
    };
  }
  #tell() { this.#changed?.(this.toString()); }
  get size() { return this.#list.length; }
  append(name, value) { this.#list.push([`${name}`, `${value}`]); this.#tell(); }
  delete(name, value) {
    this.#list = this.#list.filter(pair => pair[0] !== `${name}` || (value !== undefined && pair[1] !== `${value}`));
    this.#tell();
  }
  get(name) { return this.#list.find(pair => pair[0] === `${name}`)?.[1] ?? null; }
  getAll(name) { return this.#list.filter(pair => pair[0] === `${name}`).map(pair => pair[1]); }
  has(name, value) { return this.#list.some(pair => pair[0] === `${name}` && (value === undefined || pair[1] === `${value}`)); }
  set(name, value) {
    const at = this.#list.findIndex(pair => pair[0] === `${name}`);
    if (at < 0) this.#list.push([`${name}`, `${value}`]);
    else {
      this.#list[at][1] = `${value}`;
      this.#list = this.#list.filter((pair, index) => index <= at || pair[0] !== `${name}`);
    }
    this.#tell();
  }
  sort() { this.#list.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#tell(); }
  forEach(callback, self) { for (const [key, value] of this.#list) callback.call(self, value, key, this); }
  *entries() { for (const [key, value] of this.#list) yield [key, value]; }
  *keys() { for (const [key] of this.#list) yield key; }
  *values() { for (const [, value] of this.#list) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  toString() { return this.#list.map(([key, value]) => `${formEscape(key)}=${formEscape(value)}`).join("&"); }
  [inspectCustom](depth, options, show) {
    const shown = this.#list.map(([key, value]) => `${quote(key)} => ${quote(value)}`).join(", ");
    return shown ? `URLSearchParams { ${shown} }` : "URLSearchParams {}";
  }
}

class URL {
  #url;
  #params;
  constructor(input, base) {
    let from;
    if (base !== undefined) {
      from = parseUrl(`${base}`);
      if (!from) throw invalid(`${base}`);
    }
    this.#url = parseUrl(`${input}`, from);
    if (!this.#url) throw invalid(`${input}`);
    this.#params = follow(this.#url.query ?? "", text => { this.#url.query = text === "" ? null : text; });
  }
  static canParse(input, base) { return URL.parse(input, base) !== null; }
  static parse(input, base) { try { return new URL(input, base); } catch { return null; } }
  get href() { return hrefOf(this.#url); }
  set href(text) {
    const url = parseUrl(`${text}`);
    if (!url) throw invalid(`${text}`);
    this.#url = url;
    reload(this.#params, url.query ?? "");
  }
  get origin() {
    const { protocol } = this.#url;
    if (protocol === "blob:") return /^https?:/.test(this.pathname) ? URL.parse(this.pathname)?.origin ?? "null" : "null";
    return protocol in SPECIAL && protocol !== "file:" ? `${protocol}//${this.host}` : "null";
  }
  get protocol() { return this.#url.protocol; }
  set protocol(text) {
    const scheme = /^([a-zA-Z][a-zA-Z\d+.-]*):?/.exec(`${text}`)?.[1].toLowerCase() + ":";
    if (scheme in SPECIAL === this.#url.protocol in SPECIAL && scheme !== "undefined:") this.#again({ protocol: scheme, port: this.#url.port === SPECIAL[scheme] ? "" : this.#url.port });
  }
  get username() { return this.#url.username; }
  set username(text) { if (this.#url.host) this.#url.username = escape(`${text}`, "userinfo"); }
  get password() { return this.#url.password; }
  set password(text) { if (this.#url.host) this.#url.password = escape(`${text}`, "userinfo"); }
  get host() { return (this.#url.host ?? "") + (this.#url.port ? ":" + this.#url.port : ""); }
  set host(text) {
    const [, name, port] = /^([^/?#]*?)(?::(\d*))?(?:[/?#].*)?$/s.exec(`${text}`) ?? [];
    if (name) this.hostname = name;
    if (port) this.port = port;
  }
  get hostname() { return this.#url.host ?? ""; }
  set hostname(text) {
    const host = this.#url.opaque === null ? parseHost(`${text}`, this.#url.protocol in SPECIAL) : null;
    if (host) this.#url.host = host;
  }
  get port() { return this.#url.port; }
  set port(text) {
    if (!this.#url.host || this.#url.protocol === "file:") return;
    const digits = /^\d+/.exec(`${text}`)?.[0];
    if (`${text}` === "") this.#url.port = "";
    else if (digits && +digits <= 65535) this.#url.port = String(+digits) === SPECIAL[this.#url.protocol] ? "" : String(+digits);
  }
  get pathname() { return pathOf(this.#url); }
  set pathname(text) {
    if (this.#url.opaque !== null) return;
    const special = this.#url.protocol in SPECIAL;
    let path = `${text}`.replaceAll("?", "%3F").replaceAll("#", "%23");
    if (special) path = path.replaceAll("\\", "/");
    this.#url = walk({ ...this.#url, path: [] }, path, special);
  }
  get search() { return this.#url.query ? "?" + this.#url.query : ""; }
  set search(text) {
    const query = `${text}`.replace(/^\?/, "");
    this.#url.query = query === "" ? null : escape(query, this.#url.protocol in SPECIAL ? "specialQuery" : "query");
    reload(this.#params, this.#url.query ?? "");
  }
  get searchParams() { return this.#params; }
  get hash() { return this.#url.fragment ? "#" + this.#url.fragment : ""; }
  set hash(text) {
    const fragment = `${text}`.replace(/^#/, "");
    this.#url.fragment = fragment === "" ? null : escape(fragment, "fragment");
  }
  #again(changes) { this.#url = { ...this.#url, ...changes }; }
  toString() { return this.href; }
  toJSON() { return this.href; }
  [inspectCustom](depth, options, show) {
    const shown = {};
    for (const name of ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "searchParams", "hash"]) shown[name] = this[name];
    return `URL ${show(shown)}`;
  }
}
global("URL", URL);
global("URLSearchParams", URLSearchParams);
const fileURLToPath = url => {
  const parsed = typeof url === "string" ? new URL(url) : url;
  if (parsed.protocol !== "file:") throw new TypeError("The URL must be of scheme file");
  return unescapeBytes(parsed.pathname);
};
const pathToFileURL = path => new URL("file://" + escape(paths.resolve(path), "path").replaceAll("%2F", "/"));
