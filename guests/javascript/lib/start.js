// The library of the JavaScript guest: one function around all files, in the order its README gives.
// `native` is what the shim offers; `hooks` is what the shim calls.
const hooks = {};
// What the library needs in order to answer, even if a program replaces it.
const {
  Array, ArrayBuffer, BigInt, DataView, Date, Error, JSON, Map, Math, Number, Object, Promise, Proxy, RangeError, Reflect, RegExp, Set, String,
  Symbol, SyntaxError, TypeError, Uint8Array, WeakMap, WeakRef, isNaN, parseFloat, parseInt, queueMicrotask,
} = globalThis;
const { apply, ownKeys, getPrototypeOf, getOwnPropertyDescriptor, setPrototypeOf, set: setProperty } = Reflect;
const { stringify, parse } = JSON;
const hasOwn = Object.hasOwn;
const isArray = Array.isArray;
const uncurry = method => (self, ...args) => apply(method, self, args);
const errorToString = uncurry(Error.prototype.toString);
const functionToString = uncurry(Function.prototype.toString);
const isWellFormed = uncurry(String.prototype.isWellFormed);
const { defineProperty, keys: keysOf, assign: assignAll } = Object;
const objectPrototype = Object.prototype, arrayPrototype = Array.prototype;
const { isView } = ArrayBuffer;
const toBase64 = btoa;
const runPattern = uncurry(RegExp.prototype.exec);
const isIdentifier = text => runPattern(/^[A-Za-z_$][\w$]*$/, text) !== null;
// Appends to a list, whatever a program has made of its prototype.
const put = (list, item) => defineProperty(list, list.length, { __proto__: null, value: item, writable: true, configurable: true, enumerable: true });
const includes = (list, item) => {
  for (let at = 0; at < list.length; at++) if (list[at] === item) return true;
  return false;
};
const [forEachPair, forEachItem] = [uncurry(Map.prototype.forEach), uncurry(Set.prototype.forEach)];
const mapPairs = map => { const pairs = []; forEachPair(map, (value, key) => { put(pairs, [key, value]); }); return pairs; };
const setItems = set => { const items = []; forEachItem(set, item => { put(items, item); }); return items; };
const kindOf = value => native.parts(value)?.[0];

const define = (target, name, value, enumerable = false) =>
  defineProperty(target, name, { __proto__: null, value, writable: true, configurable: true, enumerable });
const global = (name, value) => define(globalThis, name, value);
// Methods of classes written here are named as they are, but do not show in loops.
const isObject = value => (typeof value === "object" && value !== null) || typeof value === "function";
