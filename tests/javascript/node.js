const fs = require("node:fs"), path = require("path"), assert = require("assert"), util = require("util"), EventEmitter = require("events");
test("files are written, read, listed, moved and removed", () => {
  const home = fs.mkdtempSync("/tmp/t-");
  const file = path.join(home, "a.txt");
  fs.writeFileSync(file, "héllo\n");
  fs.appendFileSync(file, "more");
  alike([fs.readFileSync(file, "utf8"), fs.statSync(file).size, fs.statSync(file).isFile(), fs.existsSync(file)], ["héllo\nmore", 11, true, true]);
  fs.mkdirSync(path.join(home, "x/y"), { recursive: true });
  fs.copyFileSync(file, path.join(home, "x/y/b.txt"));
  alike(fs.readdirSync(home, { recursive: true }), ["a.txt", "x", "x/y", "x/y/b.txt"]);
  alike(fs.readdirSync(home, { withFileTypes: true }).map(e => [e.name, e.isDirectory()]), [["a.txt", false], ["x", true]]);
  fs.renameSync(file, path.join(home, "c.txt"));
  same(throws(Error, () => fs.readFileSync(file)).code, "ENOENT");
  same(throws(Error, () => fs.mkdirSync(home)).code, "EEXIST");
  same(throws(Error, () => fs.rmdirSync(home)).code, "ENOTEMPTY");
  same(throws(Error, () => fs.writeFileSync(home, "")).code, "EISDIR");
  fs.symlinkSync("c.txt", path.join(home, "link"));
  alike([fs.readlinkSync(path.join(home, "link")), fs.lstatSync(path.join(home, "link")).isSymbolicLink(), fs.realpathSync(path.join(home, "link"))], ["c.txt", true, path.join(home, "c.txt")]);
  const fd = fs.openSync(path.join(home, "c.txt"), "r+");
  const bytes = Buffer.alloc(4);
  same(fs.readSync(fd, bytes, 0, 4, 0), 4);
  fs.writeSync(fd, "HE", 0);
  fs.ftruncateSync(fd, 3);
  fs.closeSync(fd);
  same(fs.readFileSync(path.join(home, "c.txt"), "latin1"), "HE\xa9");
  fs.rmSync(home, { recursive: true });
  same(fs.existsSync(home), false);
  fs.rmSync(home, { force: true, recursive: true });
});
test("the same with promises and with callbacks", async () => {
  await fs.promises.writeFile("/tmp/p.txt", "p");
  same(await fs.promises.readFile("/tmp/p.txt", { encoding: "utf8" }), "p");
  await rejects(Error, () => fs.promises.stat("/tmp/none"));
  same(await new Promise((resolve, reject) => fs.readFile("/tmp/p.txt", "utf8", (error, text) => (error ? reject(error) : resolve(text)))), "p");
  const handle = await fs.promises.open("/tmp/p.txt", "a");
  await handle.write("q");
  await handle.close();
  same(fs.readFileSync("/tmp/p.txt", "utf8"), "pq");
});
test("nothing outside of the mounts can be reached", () => {
  for (const place of ["/etc/passwd", "/proc/self/environ", "../../../etc/passwd", "/../etc/shadow"]) throws(Error, () => fs.readFileSync(place));
  same(throws(TypeError, () => fs.readFileSync("/tmp/a\0b")).code, "ERR_INVALID_ARG_VALUE");
});
test("paths", () => {
  alike([path.join("/a", "../b", "./c"), path.resolve("/a", "b", "/c", "d"), path.dirname("/a/b.c"), path.basename("/a/b.c", ".c"), path.extname("x.tar.gz"), path.extname(".rc"), path.relative("/a/b", "/a/c/d"), path.normalize("a//b/../c/"), path.isAbsolute("a")], ["/b/c", "/c/d", "/a", "b", ".gz", "", "../c/d", "a/c/", false]);
  alike(path.parse("/home/u/f.txt"), { root: "/", dir: "/home/u", base: "f.txt", ext: ".txt", name: "f" });
  same(path.format({ dir: "/d", name: "n", ext: ".e" }), "/d/n.e");
});
test("buffers", () => {
  alike([Buffer.from("héé").toString("hex"), Buffer.from("aGk", "base64").toString(), Buffer.from([255, 1]).toString("base64"), Buffer.concat([Buffer.from("a"), Buffer.from("b")]).toString(), Buffer.byteLength("é"), Buffer.from("ff0a", "hex")[1], Buffer.from("a?b").toString("base64url")], ["68c3a9c3a9", "hi", "/wE=", "ab", 2, 10, "YT9i"]);
  const b = Buffer.alloc(8);
  b.writeUInt32BE(0x01020304, 0);
  b.writeDoubleLE(1.5, 0);
  same(b.readDoubleLE(0), 1.5);
  throws(RangeError, () => b.readInt32LE(6));
  alike([Buffer.isBuffer(b), b.slice(0, 2) instanceof Buffer, Buffer.from("abc").equals(Buffer.from("abc")), Buffer.from("hello").indexOf("ll"), JSON.stringify(Buffer.from("a"))], [true, true, true, 2, '{"type":"Buffer","data":[97]}']);
});
test("assertions", async () => {
  assert(true); assert.ok(1); assert.strictEqual(1, 1); assert.deepStrictEqual({ a: [1, new Map([[1, { b: 2 }]])] }, { a: [1, new Map([[1, { b: 2 }]])] });
  for (const run of [() => assert(0), () => assert.equal(1, 2), () => assert.strictEqual(1, "1"), () => assert.deepStrictEqual([1], ["1"]), () => assert.deepEqual({ a: 1 }, { a: 2 }), () => assert.throws(() => {}), () => assert.match("a", /b/), () => assert.notStrictEqual(1, 1)]) {
    same(throws(assert.AssertionError, run).code, "ERR_ASSERTION");
  }
  assert.throws(() => { throw new TypeError("abc"); }, TypeError);
  assert.throws(() => { throw new TypeError("abc"); }, /abc/);
  assert.throws(() => { throw new TypeError("abc"); }, { message: "abc" });
  await assert.rejects(async () => { throw new Error("r"); }, /r/);
  assert.deepEqual([1, "2"], [1, 2]);
});
test("util", async () => {
  alike([util.format("%s=%d", "a", 1), util.inspect({ a: [1] }), util.isDeepStrictEqual({ a: 1 }, { a: 1 }), util.types.isMap(new Map())], ["a=1", "{ a: [ 1 ] }", true, true]);
  same(await util.promisify((x, done) => done(null, x + 1))(1), 2);
});
test("emitters", () => {
  const e = new EventEmitter(), log = [];
  e.on("x", v => log.push(v)).once("x", v => log.push(v * 10));
  e.emit("x", 1); e.emit("x", 2);
  alike([log, e.listenerCount("x"), e.emit("nobody")], [[1, 10, 2], 1, false]);
  throws(Error, () => e.emit("error", new Error("boom")));
});
test("the process is small", () => {
  alike([process.cwd(), process.platform, typeof process.hrtime.bigint(), Object.keys(process.env).includes("PATH"), process.memoryUsage().rss > 0], ["/", "wasi", "bigint", false, true]);
  throws(Error, () => require("child_process"));
  throws(Error, () => require("http"));
  throws(Error, () => require("./nothing"));
});
test("hashes", async () => {
  const { createHash, createHmac } = require("crypto");
  const hex = (name, text) => createHash(name).update(text).digest("hex");
  alike([hex("md5", "Hello world"), hex("sha1", "abc"), hex("sha256", ""), hex("sha256", "a".repeat(119)).slice(0, 8), hex("sha224", "abc").slice(0, 8)], ["3e25960a79dbc69b674cd4ec67a72c62", "a9993e364706816aba3e25717850c26c9cd0d89d", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "31eba51c", "23097d22"]);
  same(createHmac("sha256", "key").update("The quick brown fox ").update("jumps over the lazy dog").digest("base64"), "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=");
  same(Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("abc"))).toString("hex").slice(0, 8), "ba7816bf");
  throws(Error, () => createHash("nope"));
});
