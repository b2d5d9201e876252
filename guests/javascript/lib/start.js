// The library of the JavaScript guest: one function around all files, in the order its README gives.
// `native` is what the shim offers; `hooks` is what the shim calls.
const hooks = {};
// What the library needs in order to answer, even if a program replaces it.
const { apply, ownKeys, getPrototypeOf, getOwnPropertyDescriptor } = Reflect;
const { stringify, parse } = JSON;
const hasOwn = Object.hasOwn;
const isArray = Array.isArray;
const uncurry = method => (self, ...args) => apply(method, self, args);
const errorToString = uncurry(Error.prototype.toString);
const functionToString = uncurry(Function.prototype.toString);

const define = (target, name, value) =>
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
const global = (name, value) => define(globalThis, name, value);
// Methods of classes written here are named as they are, but do not show in loops.
const isObject = value => (typeof value === "object" && value !== null) || typeof value === "function";
