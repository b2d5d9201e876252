// Hashes of node:crypto and of crypto.subtle: MD5 (RFC 1321), SHA-1, SHA-224, SHA-256 (FIPS 180-4) and HMAC (RFC 2104).
const SINES = Array.from({ length: 64 }, (_, at) => Math.floor(Math.abs(Math.sin(at + 1)) * 2 ** 32) | 0);
const [ROOTS, STARTS] = (() => {
  const roots = [], starts = [];
  for (let number = 2; roots.length < 64; number++) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) isPrime = false;
    if (!isPrime) continue;
    const fraction = root => Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
    if (starts.length < 8) starts.push(fraction(Math.sqrt(number)));
    roots.push(fraction(Math.cbrt(number)));
  }
  return [roots, starts];
})();
const left = (word, by) => (word << by) | (word >>> (32 - by));
const right = (word, by) => (word >>> by) | (word << (32 - by));
const START_1 = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476];

function md5Block(state, words) {
  const shifts = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
  let [a, b, c, d] = state;
  for (let at = 0; at < 64; at++) {
    const round = at >> 4;
    const mixed = round === 0 ? (b & c) | (~b & d) : round === 1 ? (d & b) | (~d & c) : round === 2 ? b ^ c ^ d : c ^ (b | ~d);
    const word = words[[at, 5 * at + 1, 3 * at + 5, 7 * at][round] & 15];
    [a, d, c, b] = [d, c, b, (b + left((a + mixed + SINES[at] + word) | 0, shifts[round][at & 3])) | 0];
  }
  return [a, b, c, d];
}
function sha1Block(state, words) {
  const all = [...words];
  for (let at = 16; at < 80; at++) all[at] = left(all[at - 3] ^ all[at - 8] ^ all[at - 14] ^ all[at - 16], 1);
  let [a, b, c, d, e] = state;
  for (let at = 0; at < 80; at++) {
    const mixed = at < 20 ? ((b & c) | (~b & d)) + 0x5a827999 : at < 40 ? (b ^ c ^ d) + 0x6ed9eba1 : at < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc : (b ^ c ^ d) + 0xca62c1d6;
    [e, d, c, b, a] = [d, c, left(b, 30), a, (left(a, 5) + mixed + e + all[at]) | 0];
  }
  return [a, b, c, d, e];
}
function sha256Block(state, words) {
  const all = new Int32Array(64);
  all.set(words);
  for (let at = 16; at < 64; at++) {
    const x = all[at - 15], y = all[at - 2];
    all[at] = all[at - 16] + (right(x, 7) ^ right(x, 18) ^ (x >>> 3)) + all[at - 7] + (right(y, 17) ^ right(y, 19) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let at = 0; at < 64; at++) {
    const one = (h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + ROOTS[at] + all[at]) | 0;
    const two = ((right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  return [a, b, c, d, e, f, g, h];
}
const HASHES = {
  md5: { block: md5Block, start: START_1, little: true, words: 4 },
  sha1: { block: sha1Block, start: [...START_1, 0xc3d2e1f0 | 0], little: false, words: 5 },
  sha224: { block: sha256Block, start: [0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4].map(word => word | 0), little: false, words: 7 },
  sha256: { block: sha256Block, start: STARTS, little: false, words: 8 },
};
function hashOf(name) {
  const hash = HASHES[`${name}`.toLowerCase().replace("-", "")];
  if (hash) return hash;
  const error = new Error(`Digest method not supported: ${name}. There are: ${Object.keys(HASHES).join(", ")}`);
  error.code = "ERR_CRYPTO_INVALID_DIGEST";
  throw error;
}
function digest({ block, start, little, words }, bytes) {
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6), view = new DataView(padded.buffer);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const bits = bytes.length * 8, [low, high] = [bits >>> 0, Math.floor(bits / 2 ** 32)];
  view.setUint32(padded.length - 8, little ? low : high, little);
  view.setUint32(padded.length - 4, little ? high : low, little);
  let state = start;
  for (let at = 0; at < padded.length; at += 64) {
    const made = block(state, Array.from({ length: 16 }, (_, word) => view.getInt32(at + 4 * word, little)));
    state = made.map((word, index) => (word + state[index]) | 0);
  }
  const out = Buffer.alloc(words * 4), outView = new DataView(out.buffer);
  for (let word = 0; word < words; word++) outView.setInt32(4 * word, state[word], little);
  return out;
}
class Hash {
  #hash;
  #parts = [];
  constructor(name) { this.#hash = hashOf(name); }
  update(data, encoding) { this.#parts.push(dataBytes(data, encoding).slice()); return this; }
  finish() { return digest(this.#hash, Buffer.concat(this.#parts)); }
  digest(encoding) { const made = this.finish(); return encoding && encoding !== "buffer" ? made.toString(encoding) : made; }
}
class Hmac extends Hash {
  #name;
  #outer;
  constructor(name, key) {
    super(name);
    let bytes = dataBytes(key);
    if (bytes.length > 64) bytes = digest(hashOf(name), bytes);
    const padded = Buffer.alloc(64);
    padded.set(bytes);
    this.#name = name;
    this.#outer = padded.map(byte => byte ^ 0x5c);
    this.update(padded.map(byte => byte ^ 0x36));
  }
  digest(encoding) { return new Hash(this.#name).update(this.#outer).update(this.finish()).digest(encoding); }
}
Object.assign(cryptoModule, {
  createHash: name => new Hash(name),
  createHmac: (name, key) => new Hmac(name, key),
  getHashes: () => Object.keys(HASHES),
  hash: (name, data, encoding = "hex") => new Hash(name).update(data).digest(encoding),
  timingSafeEqual: (a, b) => Buffer.compare(bytesOf(a), bytesOf(b)) === 0,
});
cryptoObject.subtle = {
  async digest(algorithm, data) {
    const name = `${isObject(algorithm) ? algorithm.name : algorithm}`.toUpperCase();
    if (name !== "SHA-1" && name !== "SHA-256") throw new DOMException(`${name} is not supported`, "NotSupportedError");
    return digest(hashOf(name), bytesOf(data)).buffer;
  },
};
