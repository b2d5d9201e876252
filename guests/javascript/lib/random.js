// crypto, as far as it is randomness.
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const INTEGERS = /^(Ui|I)nt(8|16|32)(Clamped)?Array$|^Big(Ui|I)nt64Array$/;
function getRandomValues(array) {
  if (!ArrayBuffer.isView(array) || !INTEGERS.test(Object.prototype.toString.call(array).slice(8, -1))) {
    throw new DOMException("The data argument must be an integer-type TypedArray", "TypeMismatchError");
  }
  if (array.byteLength > 65536) {
    throw new DOMException(`The requested length exceeds 65,536 bytes`, "QuotaExceededError");
  }
  native.fillRandom(bytesOf(array));
  return array;
}
function randomUUID() {
  const bytes = new Uint8Array(16);
  native.fillRandom(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // RFC 9562, section 5.4
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, byte => HEX[byte]).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
function randomInt(low, high) {
  if (high === undefined) [low, high] = [0, low];
  const range = high - low;
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !(range > 0 && range < 2 ** 48)) throw new RangeError("The range must be that of at most 2^48 safe integers");
  const bytes = new Uint8Array(6), bound = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    native.fillRandom(bytes);
    const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    if (value < bound) return low + (value % range);
  }
}
const cryptoObject = { getRandomValues, randomUUID };
define(cryptoObject, Symbol.toStringTag, "Crypto");
global("crypto", cryptoObject);
