// node:util, node:assert and other small modules that programs commonly import.
const typeTest = kind => value => native.parts(value)?.[0] === kind;
const util = {
  inspect,
  format: (...args) => formatArguments(args),
  promisify: callback => {
    if (callback === timers.setTimeout) return timersPromises.setTimeout;
    return (...args) => new Promise((resolve, reject) => callback(...args, (error, value) => (error ? reject(error) : resolve(value))));
  },
  callbackify: call => (...args) => {
    const done = args.pop();
    call(...args).then(value => timers.setImmediate(() => done(null, value)), error => timers.setImmediate(() => done(error)));
  },
  deprecate: call => call,
  inherits(child, parent) { Object.setPrototypeOf(child.prototype, parent.prototype); },
  isDeepStrictEqual: (a, b) => equal(a, b, true),
  isArray,
  stripVTControlCharacters: text => `${text}`.replace(/\x1b\[[\d;?]*[ -/]*[@-~]/g, ""),
  toUSVString: text => `${text}`.toWellFormed(),
  styleText: (style, text) => `${text}`,
  TextEncoder, TextDecoder,
  types: {
    isPromise: typeTest("Promise"), isMap: typeTest("Map"), isSet: typeTest("Set"), isDate: typeTest("Date"), isRegExp: typeTest("RegExp"),
    isProxy: typeTest("Proxy"), isWeakMap: typeTest("WeakMap"), isWeakSet: typeTest("WeakSet"), isNativeError: typeTest("Error"),
    isArrayBuffer: typeTest("ArrayBuffer"), isGeneratorObject: typeTest("Generator"), isTypedArray: value => ArrayBuffer.isView(value) && native.parts(value)?.[0] !== "DataView",
    isUint8Array: value => isInstance(value, Uint8Array),
    isAsyncFunction: value => typeof value === "function" && value.constructor?.name === "AsyncFunction",
  },
};

// Whether two values are equal as `assert.deepEqual` means it; `strict` also compares types.
function equal(a, b, strict, seen = []) {
  if (Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b)) return !strict && !isObject(a) && !isObject(b) && (a == b || (a !== a && b !== b));
  if (typeof a === "function" || typeof b === "function") return false;
  const [kind, other] = [a, b].map(value => native.parts(value)?.[0]);
  if (kind !== other || isArray(a) !== isArray(b)) return false;
  if (strict && getPrototypeOf(a) !== getPrototypeOf(b)) return false;
  if (seen.some(pair => pair[0] === a && pair[1] === b)) return true;
  seen = [...seen, [a, b]];
  const same = (x, y) => equal(x, y, strict, seen);
  if (kind === "Date" && a.getTime() !== b.getTime()) return false;
  if (kind === "RegExp" && String(a) !== String(b)) return false;
  if (kind === "Error" && (a.message !== b.message || a.name !== b.name)) return false;
  if (["Number", "String", "Boolean", "BigInt", "Symbol"].includes(kind) && !Object.is(a.valueOf(), b.valueOf())) return false;
  if (kind === "ArrayBuffer" && !same(new Uint8Array(a), new Uint8Array(b))) return false;
  if (kind === "Set") {
    if (a.size !== b.size) return false;
    for (const item of a) if (!b.has(item) && !(isObject(item) && [...b].some(candidate => same(item, candidate)))) return false;
  }
  if (kind === "Map") {
    if (a.size !== b.size) return false;
    for (const [key, value] of a) {
      if (b.has(key) ? !same(value, b.get(key)) : ![...b].some(([k, v]) => isObject(k) && same(key, k) && same(value, v))) return false;
    }
  }
  const keys = Object.keys(a);
  if (isArray(a) && a.length !== b.length) return false;
  return keys.length === Object.keys(b).length && keys.every(key => hasOwn(b, key) && same(a[key], b[key]));
}

class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message ?? `${inspect(actual)} ${operator} ${inspect(expected)}`);
    Object.assign(this, { generatedMessage: message === undefined, code: "ERR_ASSERTION", actual, expected, operator });
  }
  get name() { return "AssertionError"; }
}
const fail = (message, actual, expected, operator) => {
  if (isObject(message)) throw message;
  throw new AssertionError({ message, actual, expected, operator });
};
const both = (actual, expected) => `\n+ actual - expected\n\n+ ${inspect(actual)}\n- ${inspect(expected)}\n`;
function matches(error, expected, message) {
  if (expected === undefined || typeof expected === "string") return;
  if (native.parts(expected)?.[0] === "RegExp") {
    if (!expected.test(String(error))) fail(message ?? `The input did not match the regular expression ${expected}. Input:\n\n${inspect(String(error))}\n`, error, expected, "throws");
  } else if (typeof expected === "function") {
    if (expected.prototype !== undefined && isInstance(error, expected)) return;
    if (Error.isPrototypeOf?.(expected) || expected === Error) throw error;
    if (expected.call({}, error) !== true) fail(message ?? "The validation function did not return true.", error, expected, "throws");
  } else {
    for (const key of [...Object.keys(expected), ...(isInstance(expected, Error) ? ["name", "message"] : [])]) {
      const fits = native.parts(expected[key])?.[0] === "RegExp" && typeof error[key] === "string" ? expected[key].test(error[key]) : equal(error[key], expected[key], true);
      if (!fits) fail(message ?? `Expected values to be strictly deep-equal:${both(error, expected)}`, error, expected, "throws");
    }
  }
}
const assert = Object.assign(function assert(value, message) { assertions.ok(value, message); }, { AssertionError });
const assertions = {
  ok(value, message) { if (!value) fail(message ?? "The expression evaluated to a falsy value", value, true, "=="); },
  equal(a, b, message) { if (!(a == b || (a !== a && b !== b))) fail(message, a, b, "=="); },
  notEqual(a, b, message) { if (a == b) fail(message, a, b, "!="); },
  strictEqual(a, b, message) { if (!Object.is(a, b)) fail(message ?? `Expected values to be strictly equal:\n\n${inspect(a)} !== ${inspect(b)}\n`, a, b, "strictEqual"); },
  notStrictEqual(a, b, message) { if (Object.is(a, b)) fail(message ?? `Expected "actual" to be strictly unequal to: ${inspect(b)}`, a, b, "notStrictEqual"); },
  deepEqual(a, b, message) { if (!equal(a, b, false)) fail(message ?? `Expected values to be loosely deep-equal:\n\n${inspect(a)}\n\nshould loosely deep-equal\n\n${inspect(b)}`, a, b, "deepEqual"); },
  notDeepEqual(a, b, message) { if (equal(a, b, false)) fail(message, a, b, "notDeepEqual"); },
  deepStrictEqual(a, b, message) { if (!equal(a, b, true)) fail(message ?? `Expected values to be strictly deep-equal:${both(a, b)}`, a, b, "deepStrictEqual"); },
  notDeepStrictEqual(a, b, message) { if (equal(a, b, true)) fail(message, a, b, "notDeepStrictEqual"); },
  match(value, pattern, message) { if (!pattern.test(value)) fail(message ?? `The input did not match the regular expression ${pattern}. Input:\n\n${inspect(value)}\n`, value, pattern, "match"); },
  doesNotMatch(value, pattern, message) { if (pattern.test(value)) fail(message, value, pattern, "doesNotMatch"); },
  throws(call, expected, message) {
    try { call(); } catch (error) { return matches(error, expected, message); }
    fail(message ?? "Missing expected exception.", undefined, expected, "throws");
  },
  doesNotThrow(call, message) { try { call(); } catch (error) { fail(`Got unwanted exception.\n${error}`, error, undefined, "doesNotThrow"); } },
  async rejects(call, expected, message) {
    try { await (typeof call === "function" ? call() : call); } catch (error) { return matches(error, expected, message); }
    fail(message ?? "Missing expected rejection.", undefined, expected, "rejects");
  },
  async doesNotReject(call) { await (typeof call === "function" ? call() : call); },
  fail(message = "Failed") { fail(message, undefined, undefined, "fail"); },
  ifError(value) { if (value !== null && value !== undefined) throw value; },
};
Object.assign(assert, assertions);
assert.strict = Object.assign(function strict(value, message) { assertions.ok(value, message); }, assert, {
  equal: assertions.strictEqual, notEqual: assertions.notStrictEqual, deepEqual: assertions.deepStrictEqual, notDeepEqual: assertions.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;

const os = {
  EOL: "\n", platform: () => "wasi", type: () => "WASI", arch: () => "wasm32", release: () => "1", hostname: () => "sandbox", homedir: () => "/home",
  tmpdir: () => "/tmp", cpus: () => [], totalmem: () => native.memorySize(), freemem: () => 0, uptime: () => 0, loadavg: () => [0, 0, 0], networkInterfaces: () => ({}),
  userInfo: () => ({ username: "user", uid: 0, gid: 0, shell: null, homedir: "/home" }), endianness: () => "LE",
};

// node:readline over standard input.
class Interface extends EventEmitter {
  #lines;
  #closed = false;
  #read() {
    this.#lines ??= fs.readFileSync(0, "utf8").replace(/\r?\n$/, "").split(/\r?\n/);
    return this.#lines;
  }
  constructor() {
    super();
    timers.setImmediate(() => {
      if (this.listenerCount("line") > 0) while (!this.#closed && this.#read().length) this.emit("line", this.#lines.shift());
      if (this.listenerCount("line") > 0) this.close();
    });
  }
  question(query, options, done = options) {
    native.write(1, query);
    timers.setImmediate(() => done(this.#read().shift() ?? ""));
  }
  setPrompt() {}
  prompt() {}
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.emit("close");
  }
  async *[Symbol.asyncIterator]() { while (this.#read().length && !this.#closed) yield this.#lines.shift(); }
}
const readline = { Interface, createInterface: () => new Interface() };
readline.promises = { createInterface: () => Object.assign(new Interface(), { question(query) { return new Promise(resolve => Interface.prototype.question.call(this, query, resolve)); } }) };

const cryptoModule = { webcrypto: cryptoObject, getRandomValues, randomUUID, randomInt, randomBytes: size => { const bytes = Buffer.alloc(size); native.fillRandom(bytes); return bytes; } };
