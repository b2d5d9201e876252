test("arrays have the methods of ES2023 and before", () => {
  const a = [3, 1, 2];
  alike([a.toSorted(), a.toReversed(), a.with(0, 9), a.toSpliced(1, 1), a.at(-1), a], [[1, 2, 3], [2, 1, 3], [9, 1, 2], [3, 2], 2, [3, 1, 2]]);
  alike([[1, [2, [3]]].flat(Infinity), [1, 2].flatMap(x => [x, x]), Array.from({ length: 2 }, (_, i) => i), Array.of(7)], [[1, 2, 3], [1, 1, 2, 2], [0, 1], [7]]);
  alike([a.findLast(x => x > 1), a.findLastIndex(x => x > 5), a.includes(2), [NaN].includes(NaN), [NaN].indexOf(NaN)], [2, -1, true, true, -1]);
  alike([[1, 2, 3, 4].copyWithin(0, 2), new Array(3).fill(0), [1, 2, 3].reduceRight((s, x) => s + x, "")], [[3, 4, 3, 4], [0, 0, 0], "321"]);
  alike([...[1, 2].entries()], [[0, 1], [1, 2]]);
});
test("sorting is stable and compares text by default", () => {
  alike([10, 9, 1].sort(), [1, 10, 9]);
  const people = [["b", 1], ["a", 1], ["c", 0]].sort((x, y) => x[1] - y[1]);
  alike(people.map(p => p[0]), ["c", "b", "a"]);
  alike([3, undefined, 1].sort(), [1, 3, null]);
});
test("holes and lengths follow the rules", () => {
  const a = [1, , 3];
  alike([a.length, 1 in a, a.map(x => 2 * x).length], [3, false, 3]);
  a.length = 1;
  alike(a, [1]);
  throws(RangeError, () => { a.length = -1; });
  throws(RangeError, () => new Array(-1));
});
test("maps and sets keep the order, and compare as SameValueZero", () => {
  const m = new Map([[NaN, 1], [0, 2]]);
  alike([m.get(NaN), m.get(-0), m.size, [...m.keys()].length], [1, 2, 2, 2]);
  m.delete(NaN);
  m.set(NaN, 3);
  alike([...m.values()], [2, 3]);
  alike(Object.fromEntries(Map.groupBy([1, 2, 3], x => (x % 2 ? "odd" : "even"))), { odd: [1, 3], even: [2] });
  alike(Object.groupBy([1, 2, 3], x => (x > 1 ? "big" : "small")), { small: [1], big: [2, 3] });
});
test("sets have the operations of ES2025", () => {
  const a = new Set([1, 2, 3]), b = new Set([2, 3, 4]);
  alike([[...a.union(b)], [...a.intersection(b)], [...a.difference(b)], [...a.symmetricDifference(b)]], [[1, 2, 3, 4], [2, 3], [1], [1, 4]]);
  alike([a.isSubsetOf(b), new Set([2]).isSubsetOf(b), a.isSupersetOf(new Set([1])), a.isDisjointFrom(new Set([9]))], [false, true, true, true]);
});
test("weak collections take objects only", () => {
  const w = new WeakMap(), k = {};
  w.set(k, 1);
  same(w.get(k), 1);
  throws(TypeError, () => w.set(1, 1));
  same(new WeakRef(k).deref(), k);
  same(new WeakSet([k]).has(k), true);
});
test("iterators have helpers", () => {
  const naturals = function* () { let n = 0; while (true) yield n++; };
  alike(naturals().filter(x => x % 2).map(x => x * x).drop(1).take(3).toArray(), [9, 25, 49]);
  alike([Iterator.from([1, 2]).some(x => x > 1), naturals().take(4).reduce((a, b) => a + b), [...Iterator.from([1]).flatMap(x => [x, x])]], [true, 6, [1, 1]]);
});
test("typed arrays share buffers and clamp as they should", () => {
  const buffer = new ArrayBuffer(8), bytes = new Uint8Array(buffer), view = new DataView(buffer);
  view.setFloat32(0, 1.5);
  view.setUint16(4, 0x0102, true);
  alike([...bytes], [63, 192, 0, 0, 2, 1, 0, 0]);
  alike([new Uint8ClampedArray([300, -5, 1.5])[0], new Int8Array([200])[0], new Uint8Array([1, 2, 3]).subarray(1).length], [255, -56, 2]);
  same(new BigInt64Array([2n ** 63n])[0], -(2n ** 63n));
  same(buffer.slice(0, 2).byteLength, 2);
  alike([...Uint8Array.from([3, 1, 2]).toSorted()], [1, 2, 3]);
  const moved = buffer.transfer();
  alike([buffer.detached, moved.byteLength], [true, 8]);
  throws(TypeError, () => new Uint8Array(buffer));
  throws(RangeError, () => new DataView(moved).getInt32(6));
  const growing = new ArrayBuffer(2, { maxByteLength: 4 });
  growing.resize(4);
  same(growing.byteLength, 4);
});
test("objects keep the order of keys and can be closed", () => {
  alike(Object.keys({ b: 1, 2: 1, a: 1, 1: 1 }), ["1", "2", "b", "a"]);
  const frozen = Object.freeze({ a: { b: 1 } });
  throws(TypeError, () => { "use strict"; frozen.x = 1; });
  frozen.a.b = 2;
  alike([Object.isFrozen(frozen), Object.entries({ x: 1 }), Object.fromEntries([["y", 2]]), Object.hasOwn({}, "toString")], [true, [["x", 1]], { y: 2 }, false]);
  alike(Object.getOwnPropertyNames(Object.defineProperty({}, "h", { value: 1 })), ["h"]);
});
