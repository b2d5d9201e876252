const events = [];
test("promises settle once, in order", async () => {
  const log = [];
  Promise.resolve().then(() => log.push(1)).then(() => log.push(3));
  Promise.resolve().then(() => log.push(2)).then(() => log.push(4));
  queueMicrotask(() => log.push("m"));
  log.push(0);
  await new Promise(resolve => setTimeout(resolve));
  alike(log, [0, 1, 2, "m", 3, 4]);
});
test("all, allSettled, any, race, try and withResolvers", async () => {
  alike(await Promise.all([1, Promise.resolve(2)]), [1, 2]);
  alike((await Promise.allSettled([1, Promise.reject(2)])).map(r => r.status), ["fulfilled", "rejected"]);
  same(await Promise.any([Promise.reject(1), 2]), 2);
  const many = await rejects(AggregateError, () => Promise.any([Promise.reject(1)]));
  alike(many.errors, [1]);
  same(await Promise.race([new Promise(() => {}), 5]), 5);
  const { promise, resolve } = Promise.withResolvers();
  resolve(7);
  same(await promise, 7);
  await rejects(TypeError, () => Promise.try(() => null.x));
});
test("finally passes on what came before it", async () => {
  same(await Promise.resolve(1).finally(() => 2), 1);
  await rejects(RangeError, () => Promise.resolve(1).finally(() => { throw new RangeError("x"); }));
});
test("async functions, generators and loops", async () => {
  async function* count(n) { for (let i = 0; i < n; i++) { await null; yield i; } }
  const seen = [];
  for await (const x of count(3)) seen.push(x);
  for await (const x of [Promise.resolve("p"), "q"]) seen.push(x);
  alike(seen, [0, 1, 2, "p", "q"]);
  const g = count(5);
  await g.next();
  alike(await g.return("done"), { value: "done", done: true });
  const f = async () => { throw new TypeError("in async"); };
  same((await rejects(TypeError, f)).message, "in async");
  alike(await Array.fromAsync(count(2)), [0, 1]);
});
test("a thenable is followed", async () => {
  same(await { then(resolve) { resolve(3); } }, 3);
});
test("timers come by their time, and can be cleared", async () => {
  const log = [];
  setTimeout(() => log.push("b"), 4);
  setTimeout(() => log.push("a"), 2);
  const never = setTimeout(() => log.push("never"), 3);
  clearTimeout(never);
  setTimeout((x, y) => log.push(x + y), 3, "x", "y");
  let ticks = 0;
  const interval = setInterval(() => { if (++ticks === 3) clearInterval(interval); }, 1);
  await new Promise(resolve => setTimeout(resolve, 15));
  while (ticks < 3) await new Promise(resolve => setTimeout(resolve, 5));
  alike([log, ticks], [["a", "xy", "b"], 3]);
  throws(TypeError, () => setTimeout("code"));
});
test("aborting reaches who listens", async () => {
  const controller = new AbortController();
  const wait = new Promise((_, reject) => controller.signal.addEventListener("abort", () => reject(controller.signal.reason)));
  controller.abort();
  same((await rejects(DOMException, () => wait)).name, "AbortError");
  await rejects(DOMException, () => new Promise((_, reject) => { AbortSignal.timeout(2).onabort = event => reject(event.target.reason); setTimeout(() => {}, 20); }));
});
