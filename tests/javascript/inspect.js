// Each pair: a value, and what console.log of Node shows for it.
const { inspect } = require("util");
const shows = (value, text) => { const made = inspect(value); if (made !== text) throw new Error(`\n${made}\nis not\n${text}`); };
test("plain values", () => {
  shows("it's", `"it's"`); shows("a\nb", "'a\\nb'"); shows(-0, "-0"); shows(1n, "1n"); shows(Symbol("x"), "Symbol(x)"); shows(undefined, "undefined"); shows(null, "null");
});
test("collections", () => {
  shows([], "[]"); shows({}, "{}"); shows([1, "a", null], "[ 1, 'a', null ]"); shows({ a: 1, "b c": 2 }, "{ a: 1, 'b c': 2 }");
  shows(new Map([["a", 1]]), "Map(1) { 'a' => 1 }"); shows(new Set(), "Set(0) {}"); shows(new Uint8Array(2), "Uint8Array(2) [ 0, 0 ]"); shows([, 1], "[ <1 empty item>, 1 ]");
  shows(Object.create(null), "[Object: null prototype] {}"); shows([1, 2, 3, 4, 5, 6, 7], "[\n  1, 2, 3, 4,\n  5, 6, 7\n]");
  shows({ a: { b: { c: {} } } }, "{ a: { b: { c: {} } } }"); shows({ a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: [Object] } } }");
});
test("classes, functions and errors", () => {
  class Foo { constructor() { this.x = 1; } }
  class Bar extends Foo {}
  shows(new Foo(), "Foo { x: 1 }"); shows(new Bar(), "Bar { x: 1 }"); shows(Foo, "[class Foo]"); shows(Bar, "[class Bar extends Foo]"); shows(() => {}, "[Function (anonymous)]"); shows(async function f() {}, "[AsyncFunction: f]");
  shows(/a/g, "/a/g"); shows(new Date(0), "1970-01-01T00:00:00.000Z"); shows(Promise.resolve(1), "Promise { 1 }"); shows(new Number(3), "[Number: 3]"); shows(new WeakMap(), "WeakMap { <items unknown> }");
  shows({ get a() { return 1; }, set a(v) {} }, "{ a: [Getter/Setter] }"); shows(Object.assign(() => {}, { p: 1 }), "[Function (anonymous)] { p: 1 }");
});
test("loops and own forms", () => {
  const a = { n: 1 }; a.me = a;
  shows(a, "<ref *1> { n: 1, me: [Circular *1] }");
  shows({ [Symbol.for("nodejs.util.inspect.custom")]: () => "mine" }, "mine");
});
