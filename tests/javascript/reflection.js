test("proxies see everything", () => {
  const log = [];
  const handler = new Proxy({}, { get: (_, trap) => (...args) => { log.push(trap); return Reflect[trap](...args); } });
  const p = new Proxy(function () {}, handler);
  p.a = 1; p.a; "a" in p; delete p.a; Object.keys(p); p(); new p(); Object.getPrototypeOf(p); Object.isExtensible(p);
  for (const trap of ["set", "get", "has", "deleteProperty", "ownKeys", "apply", "construct", "getPrototypeOf", "isExtensible"]) same(log.includes(trap), true);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  throws(TypeError, () => proxy.x);
  throws(TypeError, () => Object.keys(new Proxy({}, { ownKeys: () => [1] })));
});
test("Reflect does what operators do", () => {
  alike([Reflect.has({ a: 1 }, "a"), Reflect.ownKeys({ b: 1, [Symbol.iterator]: 2 }).length, Reflect.apply(Math.max, null, [1, 2]), Reflect.construct(Array, [3]).length, Reflect.defineProperty(Object.freeze({}), "x", {})], [true, 2, 2, 3, false]);
});
test("functions know their names and show their source", () => {
  const f = function () {}, o = { m() {}, get g() { return 1; }, ["c" + 1]: () => {} };
  alike([f.name, o.m.name, Object.getOwnPropertyDescriptor(o, "g").get.name, o.c1.name, f.bind().name], ["f", "m", "get g", "c1", "bound f"]);
  same(function named(a, b) { return a; }.toString(), "function named(a, b) { return a; }");
  same(new Function("a", "return a + 1")(2), 3);
});
test("eval has its scope, indirect eval the global one", () => {
  let local = 1;
  same(eval("local + 1"), 2);
  same((0, eval)("typeof local"), "undefined");
  eval("var made = 5");
  same(made, 5);
  same(eval('"use strict"; let inner = 1; typeof inner'), "number");
});
test("errors know their class, message, cause and stack", () => {
  for (const Class of [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    const error = new Class("m", { cause: 1 });
    alike([error instanceof Error, error.name, String(error), error.cause, Object.keys(error)], [true, Class.name, `${Class.name}: m`, 1, []]);
  }
  function thrower() { throw new Error("where"); }
  same(throws(Error, thrower).stack.includes("thrower"), true);
  same(new AggregateError([1], "many").errors[0], 1);
  same(Error("no new") instanceof Error, true);
  same(Error.isError?.(new TypeError()) ?? true, true);
});
test("deep recursion is an error that can be caught, of every kind", () => {
  const deep = { f: n => deep.f(n + 1) + 1 };
  throws(RangeError, () => deep.f(0));
  throws(RangeError, () => { const o = { toString() { return String(this); } }; String(o); });
  throws(RangeError, () => { const o = { get x() { return this.x; } }; o.x; });
  throws(RangeError, () => { const p = new Proxy({}, { get: (t, k, r) => r[k] }); p.x; });
  throws(RangeError, () => { class A { constructor() { new A(); } } new A(); });
  throws(RangeError, () => { const f = () => [1].map(f); f(); });
  same((() => { let s = {}; for (let i = 0; i < 2000; i++) s = { s }; return JSON.stringify(s).length; })(), 2000 * 6 + 2);
  for (const deepText of ["[".repeat(200000), "(".repeat(200000), "{".repeat(200000), "!".repeat(200000) + "1", "a=".repeat(200000) + "1", "`${".repeat(100000), "f(".repeat(100000)]) {
    try { eval(deepText); } catch (error) { if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error; }
  }
  for (const pattern of ["(".repeat(100000) + ")".repeat(100000), "(?:a|".repeat(50000) + "b" + ")".repeat(50000)]) {
    try { new RegExp(pattern); } catch (error) { if (!(error instanceof RangeError || error instanceof SyntaxError || error instanceof InternalError)) throw error; }
  }
  try { JSON.parse("[".repeat(300000) + "]".repeat(300000)); } catch (error) { if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error; }
  const n = (function depth() { try { return depth() + 1; } catch { return 1; } })();
  same(n > 5000, true);
});
test("what WebAssembly and threads would give is not there", () => {
  alike([typeof WebAssembly, typeof Worker, typeof fetch, typeof XMLHttpRequest, typeof Intl], ["undefined", "undefined", "undefined", "undefined", "undefined"]);
});
