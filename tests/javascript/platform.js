test("text is encoded and decoded", () => {
  alike([...new TextEncoder().encode("aé€😀\ud800")], [97, 195, 169, 226, 130, 172, 240, 159, 152, 128, 239, 191, 189]);
  const decoder = new TextDecoder();
  same(decoder.decode(new Uint8Array([0xef, 0xbb, 0xbf, 97, 0xff, 0xe2, 0x82])), "a\ufffd\ufffd");
  same(decoder.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + decoder.decode(new Uint8Array([0xac])), "€");
  throws(TypeError, () => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])));
  throws(RangeError, () => new TextDecoder("klingon"));
  same(new TextDecoder("utf-16le").decode(new Uint8Array([0x61, 0, 0x3d, 0xd8, 0, 0xde])), "a😀");
  same(new TextDecoder("latin1").decode(new Uint8Array([0xe9, 0x80])), "é€");
  alike(new TextEncoder().encodeInto("aé€", new Uint8Array(3)), { read: 2, written: 3 });
});
test("base64 goes there and back", () => {
  same(btoa("\xff\x00a"), "/wBh");
  same(atob(" aGk= "), "hi");
  throws(DOMException, () => btoa("€"));
  throws(DOMException, () => atob("a"));
});
test("structured clones share nothing", () => {
  const value = { d: new Date(5), m: new Map([["k", new Set([1])]]), r: /x/gi, b: new Uint8Array([1, 2]).buffer, n: null, u: undefined, big: 1n, e: new RangeError("r"), holes: [1, , 3] };
  value.self = value;
  const made = structuredClone(value);
  same(made !== value && made.self, made);
  alike([made.d.getTime(), [...made.m.get("k")], String(made.r), [...new Uint8Array(made.b)], made.e instanceof RangeError, made.e.message, 1 in made.holes, "u" in made], [5, [1], "/x/gi", [1, 2], true, "r", false, true]);
  same(throws(DOMException, () => structuredClone(() => 1)).name, "DataCloneError");
  throws(DOMException, () => structuredClone({ s: Symbol() }));
  const buffer = new ArrayBuffer(4);
  alike([structuredClone(buffer, { transfer: [buffer] }).byteLength, buffer.detached], [4, true]);
  class Point { x = 1; }
  same(structuredClone(new Point()) instanceof Point, false);
  const shared = {};
  const pair = structuredClone([shared, shared]);
  same(pair[0], pair[1]);
});
test("URLs are taken apart and put together", () => {
  const u = new URL("../d/./e?q=1 2#h é", "HTTP://user:p%40ss@EXAMPLE.com:80/a/b/c");
  alike([u.href, u.origin, u.protocol, u.host, u.pathname, u.search, u.hash, u.username, u.password, u.port], ["http://user:p%40ss@example.com/a/d/e?q=1%202#h%20%C3%A9", "http://example.com", "http:", "example.com", "/a/d/e", "?q=1%202", "#h%20%C3%A9", "user", "p%40ss", ""]);
  u.searchParams.append("x", "a&b=c");
  u.port = "8080"; u.pathname = "/new path"; u.hash = "";
  same(u.href, "http://user:p%40ss@example.com:8080/new%20path?q=1+2&x=a%26b%3Dc");
  for (const [input, base, href] of [
    ["//h/p", "https://x", "https://h/p"], ["?q", "http://x/y?z", "http://x/y?q"], ["#f", "http://x/y?z", "http://x/y?z#f"], ["", "http://x/y?z#w", "http://x/y?z"],
    ["file:///a/../b", undefined, "file:///b"], ["mailto:a@b.c?x", undefined, "mailto:a@b.c?x"], ["http://1.2.3", undefined, "http://1.2.0.3/"], ["http://0x7f.1/", undefined, "http://127.0.0.1/"],
    ["http://[2001:db8::0:1]:443/", undefined, "http://[2001:db8::1]:443/"], ["https://h:443/", undefined, "https://h/"], ["http:\\\\h\\p", undefined, "http://h/p"], ["data:text/plain,hi there", undefined, "data:text/plain,hi there"],
    ["/x", "file:///a/b", "file:///x"], ["a", "http://h", "http://h/a"], ["http://h/%7Ea/b c|d", undefined, "http://h/%7Ea/b%20c|d"], ["  http://h  ", undefined, "http://h/"], ["http://h?a#b", undefined, "http://h/?a#b"],
  ]) same(new URL(input, base).href, href);
  for (const bad of ["", "nope", "http://", "http://a b/", "http://h:99999/", "http://[::1", "http://1.2.3.4.5/", "/relative", "http://256.1.1.1/"]) throws(TypeError, () => new URL(bad));
  alike([URL.canParse("x:y"), URL.canParse("y"), URL.parse("y")], [true, false, null]);
});
test("query parameters are a list", () => {
  const q = new URLSearchParams("?a=1&b=%20+&a=3&c");
  alike([q.getAll("a"), q.get("b"), q.get("c"), q.get("d"), q.has("a", "3"), q.size, String(q)], [["1", "3"], "  ", "", null, true, 4, "a=1&b=++&a=3&c="]);
  q.set("a", "é"); q.delete("c"); q.sort();
  same(q.toString(), "a=%C3%A9&b=++");
  alike([String(new URLSearchParams({ x: "1", y: "2" })), String(new URLSearchParams([["p", "q"]])), [...new URLSearchParams("m=n")]], ["x=1&y=2", "p=q", [["m", "n"]]]);
});
test("randomness has the right shapes", () => {
  const a = crypto.getRandomValues(new Uint32Array(8)), b = crypto.getRandomValues(new Uint32Array(8));
  same(a.join() === b.join(), false);
  same(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), true);
  throws(DOMException, () => crypto.getRandomValues(new Float32Array(1)));
  throws(DOMException, () => crypto.getRandomValues(new Uint8Array(65537)));
});
test("time passes", async () => {
  const start = performance.now();
  await new Promise(resolve => setTimeout(resolve, 10));
  const took = performance.now() - start;
  if (took < 9 || took > 5000) throw new Error(String(took));
  same(performance.timeOrigin <= Date.now(), true);
});
test("events reach their listeners", () => {
  const target = new EventTarget(), seen = [];
  target.addEventListener("e", event => seen.push(event.detail), { once: true });
  target.dispatchEvent(new CustomEvent("e", { detail: 1 }));
  target.dispatchEvent(new CustomEvent("e", { detail: 2 }));
  alike(seen, [1]);
});
