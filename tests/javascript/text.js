test("strings have the methods of ES2024 and before", () => {
  alike(["a-b-c".replaceAll("-", "+"), "abc".at(-1), "x".padStart(3, "ab"), " a ".trim(), "abc".codePointAt(1), "😀".length, [..."😀"].length], ["a+b+c", "c", "abx", "a", 98, 2, 1]);
  alike(["abcdef".slice(-3, -1), "abc".substring(2, 0), "a,b".split(","), "é".normalize("NFD").length, "a\ud800".isWellFormed(), "a\ud800".toWellFormed()], ["de", "ab", ["a", "b"], 2, false, "a\ufffd"]);
  alike(["ß".toUpperCase(), "İ".toLowerCase().length, "a".localeCompare("b"), "abc".localeCompare("abc")], ["SS", 2, -1, 0]);
  throws(RangeError, () => "x".repeat(-1));
});
test("regular expressions have groups, looking around, unicode and sticky flags", () => {
  alike("2024-05-06".match(/(?<y>\d+)-(?<m>\d+)/).groups, { y: "2024", m: "05" });
  alike("aBc".replace(/b/i, m => `[${m}]`), "a[B]c");
  alike([..."a1b22".matchAll(/\d+/g)].map(m => [m[0], m.index]), [["1", 1], ["22", 3]]);
  alike("price: $5".match(/(?<=\$)\d/)[0], "5");
  alike("foobar".match(/foo(?!baz)/)[0], "foo");
  alike("😀".match(/^.$/u)[0], "😀");
  alike("x😀y".match(/\p{Emoji_Presentation}/u)[0], "😀");
  alike("ab".replace(/(?<first>a)(b)/, "$2$<first>$&$$"), "baab$");
  const sticky = /a/y;
  sticky.lastIndex = 1;
  same(sticky.test("ba"), true);
  alike("a\nb".match(/^b$/m).index, 2);
  same(/a.b/s.test("a\nb"), true);
  alike("abc".match(/(?<x>b)/d).indices.groups.x, [1, 2]);
  alike("aXbX".split(/x/i), ["a", "b", ""]);
  same(/[\p{L}--[a-z]]/v.test("a"), false);
  throws(SyntaxError, () => new RegExp("["));
});
test("JSON goes there and back, and says what it cannot", () => {
  const value = { a: [1, null, true, "x\n\u2028"], b: { c: -0.5 } };
  alike(JSON.parse(JSON.stringify(value)), value);
  same(JSON.stringify({ u: undefined, f() {}, d: new Date(0), n: NaN, s: Symbol() }), '{"d":"1970-01-01T00:00:00.000Z","n":null}');
  same(JSON.stringify([undefined]), "[null]");
  same(JSON.stringify({ a: [1] }, null, 2), '{\n  "a": [\n    1\n  ]\n}');
  same(JSON.stringify({ a: 1, b: 2 }, ["b"]), '{"b":2}');
  same(JSON.stringify("\ud800"), '"\\ud800"');
  same(JSON.parse("[1,2]", (k, v) => (typeof v === "number" ? v + 1 : v))[1], 3);
  const loop = {};
  loop.loop = loop;
  throws(TypeError, () => JSON.stringify(loop));
  throws(TypeError, () => JSON.stringify(1n));
  for (const bad of ["{a:1}", "[1,]", "01", "'x'", "", "nul", '"\n"']) throws(SyntaxError, () => JSON.parse(bad));
});
test("URIs are escaped and unescaped", () => {
  same(encodeURIComponent("a b&é/"), "a%20b%26%C3%A9%2F");
  same(encodeURI("http://x/é?a=b c"), "http://x/%C3%A9?a=b%20c");
  same(decodeURIComponent("%F0%9F%98%80"), "😀");
  throws(URIError, () => decodeURIComponent("%"));
});
test("symbols are unique, registered ones are not", () => {
  same(Symbol("a") === Symbol("a"), false);
  same(Symbol.for("a"), Symbol.for("a"));
  same(Symbol("d").description, "d");
  throws(TypeError, () => `${Symbol()}`);
  class Even { static [Symbol.hasInstance](n) { return n % 2 === 0; } get [Symbol.toStringTag]() { return "Even"; } }
  alike([2 instanceof Even, String(new Even()), `${{ [Symbol.toPrimitive]: hint => hint }}`], [true, "[object Even]", "string"]);
});
