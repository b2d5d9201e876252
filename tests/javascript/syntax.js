test("destructuring takes defaults, rests and nested patterns", () => {
  const { a, b: { c = 2, ...rest }, ...others } = { a: 1, b: { d: 3, e: 4 }, f: 5 };
  alike([a, c, rest, others], [1, 2, { d: 3, e: 4 }, { f: 5 }]);
  const [x, , y = 9, ...z] = [1, 2, undefined, 4, 5];
  alike([x, y, z], [1, 9, [4, 5]]);
  let p = 1, q = 2;
  [p, q] = [q, p];
  alike([p, q], [2, 1]);
  const key = "k", { [key]: computed } = { k: 7 };
  same(computed, 7);
  throws(TypeError, () => { const { a } = null; });
});
test("parameters have defaults that see earlier ones, and a scope of their own", () => {
  const f = (a, b = a + 1, { c = b } = {}, ...rest) => [a, b, c, rest];
  alike(f(1), [1, 2, 2, []]);
  alike(f(1, 5, { c: 6 }, 7, 8), [1, 5, 6, [7, 8]]);
  same(((a, b) => 0).length, 2);
  same(((a, b = 1, c) => 0).length, 1);
});
test("optional chaining and nullish operators stop early", () => {
  const o = { a: { b: null, f() { return this.g; }, g: 3 } };
  same(o?.x?.y.z, undefined);
  same(o.a.f?.(), 3);
  same(o.nope?.(), undefined);
  same(o.a.b ?? 5, 5);
  same(0 ?? 5, 0);
  let n = null, t = 1;
  n ??= 4; t &&= 2;
  let f = 0; f ||= 9;
  alike([n, t, f], [4, 2, 9]);
  same(delete o?.a?.g, true);
});
test("classes have private members, static blocks, accessors and fields in order", () => {
  const log = [];
  class A {
    #x = 1;
    static #made = 0;
    static { log.push("static"); }
    y = log.push("field");
    get x() { return this.#x; }
    set x(v) { this.#x = v; }
    #secret() { return this.#x * 2; }
    twice() { return this.#secret(); }
    static is(o) { return #x in o; }
    static make() { A.#made++; return [new A(), A.#made]; }
    ["com" + "puted"]() { return "c"; }
  }
  class B extends A { constructor() { super(); log.push("B"); } twice() { return super.twice() + 1; } }
  const b = new B();
  b.x = 5;
  alike([b.x, b.twice(), A.is(b), A.is({}), A.make()[1], b.computed()], [5, 11, true, false, 1, "c"]);
  alike(log, ["static", "field", "B", "field"]);
  throws(TypeError, () => A());
  throws(TypeError, () => A.prototype.twice.call({}));
  throws(ReferenceError, () => { class C extends A { constructor() { this.z = 1; } } new C(); });
  same(class {}.name, "");
  same((class Named {}).name, "Named");
});
test("generators give, take and return", () => {
  function* g() {
    const got = yield 1;
    try { yield got * 2; } finally { yield "cleanup"; }
    return 4;
  }
  const it = g();
  alike([it.next(), it.next(5), it.return(9), it.next(), it.next()], [
    { value: 1, done: false }, { value: 10, done: false }, { value: "cleanup", done: false }, { value: 9, done: true }, { done: true },
  ]);
  function* outer() { const r = yield* inner(); yield r; }
  function* inner() { yield "a"; return "b"; }
  alike([...outer()], ["a", "b"]);
});
test("iteration closes what it leaves early", () => {
  let closed = 0;
  const it = { [Symbol.iterator]() { return { next: () => ({ value: 1, done: false }), return() { closed++; return {}; } }; } };
  for (const x of it) break;
  const [first] = it;
  try { for (const x of it) throw 1; } catch {}
  same(closed, 3);
});
test("templates, tagged ones with raw strings", () => {
  const tag = (strings, ...values) => strings.raw.join("|") + values.join();
  same(tag`a\n${1}b${2}c`, "a\\n|b|c1,2");
  same(`a${`b${"c"}`}`, "abc");
  same(String.raw`\u00e9${1}`, "\\u00e91");
});
test("labels, switch and the comma", () => {
  let count = 0;
  outer: for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) { if (j === 1) continue outer; if (i === 2) break outer; count++; }
  same(count, 2);
  const f = x => { switch (x) { case 1: return "one"; default: return "many"; case 2: { let y = "two"; return y; } } };
  alike([f(1), f(2), f(3)], ["one", "two", "many"]);
  same((1, 2, 3), 3);
});
test("closures of a loop see their own variable", () => {
  const made = [];
  for (let i = 0; i < 3; i++) made.push(() => i);
  alike(made.map(f => f()), [0, 1, 2]);
  const all = [];
  for (var v = 0; v < 3; v++) all.push(() => v);
  alike(all.map(f => f()), [3, 3, 3]);
});
test("a variable cannot be read before its declaration", () => {
  throws(ReferenceError, () => { x; let x = 1; });
  throws(ReferenceError, () => { typeof y; const y = 1; });
  same(typeof nowhere, "undefined");
  throws(TypeError, () => { const z = 1; z = 2; });
});
test("functions are hoisted, var too, and arguments are there", () => {
  same(early(), 1);
  function early() { return 1; }
  same(hoisted, undefined);
  var hoisted = 1;
  same((function () { return arguments.length; })(1, 2, 3), 3);
  same((function () { return new.target; })(), undefined);
  same((() => typeof this)(), "object");
});
test("numbers and strings have all their literal forms", () => {
  alike([0b101, 0o17, 0xff, 1_000_000, .5, 5e-1, 0.1 + 0.2], [5, 15, 255, 1000000, 0.5, 0.5, 0.30000000000000004]);
  same("\u{1F600}\x41\u0042\0".length, 5);
  same(2 ** 10 ** 0, 2);
  same((-2) ** 2, 4);
  throws(SyntaxError, () => eval("-2 ** 2"));
});
test("getters, setters, spread and computed keys make objects", () => {
  const s = Symbol("s"), base = { get v() { return 1; } };
  const o = { ...base, [s]: 2, __proto__: { inherited: 3 }, async *gen() {}, "quoted key": 4, 5: 5 };
  alike([o.v, o[s], o.inherited, Object.keys(o)], [1, 2, 3, ["5", "v", "gen", "quoted key"]]);
  same(Object.getOwnPropertyDescriptor(o, "v").get, undefined);
});
test("exceptions carry values, and finally decides", () => {
  const f = () => { try { return 1; } finally { return 2; } };
  same(f(), 2);
  const g = () => { try { throw 1; } catch { return 3; } };
  same(g(), 3);
  same(throws(Error, () => { throw new Error("x", { cause: 7 }); }).cause, 7);
});
test("sloppy and strict code differ where they should", () => {
  same((function () { return typeof this; })(), "object");
  same((function () { "use strict"; return typeof this; })(), "undefined");
  throws(ReferenceError, () => { "use strict"; undeclaredName = 1; });
  throws(SyntaxError, () => Function('"use strict"; with ({}) {}'));
  same(Function("with ({a: 5}) return a")(), 5);
});
test("syntax errors are found before anything runs", () => {
  globalThis.ran = false;
  throws(SyntaxError, () => eval("ran = true; let a; let a;"));
  same(ran, false);
  for (const bad of ["let let = 1", "for (let x of) {}", "({a:1, a})=>1;;)", "class { constructor(){} constructor(){} }", "`${", "/(/", "a?.b = 1", "return 1", "await 1", "1 = 2", "x => {}()", "new.target", "import x from 'y'"]) {
    throws(SyntaxError, () => eval(bad));
  }
});
test("explicit resource management is there or is refused as syntax", () => {
  let used;
  try { used = eval("{ let log = []; { using r = { [Symbol.dispose]() { log.push(1); } }; } log.length }"); } catch (error) { used = error.name; }
  if (used !== 1 && used !== "SyntaxError") throw new Error(String(used));
});
