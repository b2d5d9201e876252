test("numbers are read and shown exactly", () => {
  alike([(0.1).toFixed(20), (255).toString(16), (1e21).toString(), (123.456).toPrecision(4), (0.000001234).toExponential(2), parseInt("12px"), parseFloat("1.5e3x"), Number(""), Number("0x1f")], ["0.10000000000000000555", "ff", "1e+21", "123.5", "1.23e-6", 12, 1500, 0, 31]);
  alike([Number.MAX_SAFE_INTEGER, Number.EPSILON > 0, Number.isInteger(5.0), Number.isSafeInteger(2 ** 53)], [9007199254740991, true, true, false]);
  same(Number("1_000"), NaN);
  same(5 % -3, 2);
  same(Object.is(-5 % 5, -0), true);
  alike([7 >> 1, -7 >>> 28, 1 << 31, ~5, 5 ^ 3], [3, 15, -2147483648, -6, 6]);
  throws(RangeError, () => (1).toFixed(101));
});
test("Math has what it should", () => {
  alike([Math.hypot(3, 4), Math.trunc(-1.5), Math.sign(-3), Math.cbrt(27), Math.clz32(1), Math.fround(5.5), Math.imul(3, 4), Math.log2(8), Math.max(), Math.round(-0.5) === 0], [5, -1, -1, 3, 31, 5.5, 12, 3, null, true]);
  const random = Math.random();
  same(random >= 0 && random < 1, true);
});
test("BigInt computes without end", () => {
  let f = 1n;
  for (let i = 1n; i <= 30n; i++) f *= i;
  same(f.toString(), "265252859812191058636308480000000");
  alike([String(-7n / 2n), String(-7n % 2n), String(2n ** 64n), BigInt(10).toString(2), String(BigInt.asUintN(8, 257n)), 1n < 2, 2n == 2, typeof 1n], ["-3", "-1", "18446744073709551616", "1010", "1", true, true, "bigint"]);
  throws(TypeError, () => 1n + 1);
  throws(RangeError, () => 1n / 0n);
  throws(SyntaxError, () => BigInt("1.5"));
  throws(RangeError, () => BigInt(1.5));
});
test("dates count in UTC", () => {
  const d = new Date(Date.UTC(2024, 1, 29, 12, 30, 15, 500));
  alike([d.toISOString(), d.getDay(), d.getTimezoneOffset(), d.toJSON(), +new Date("2024-02-29T12:30:15.500Z") === +d], ["2024-02-29T12:30:15.500Z", 4, 0, "2024-02-29T12:30:15.500Z", true]);
  alike([new Date(2024, 0, 31).getMonth(), new Date("2024-01-31").getTime(), new Date(0).toUTCString(), Date.parse("Thu, 01 Jan 1970 00:00:01 GMT")], [0, 1706659200000, "Thu, 01 Jan 1970 00:00:00 GMT", 1000]);
  const e = new Date(2024, 0, 31);
  e.setMonth(1);
  alike([e.getMonth(), e.getDate()], [2, 2]);
  same(new Date("nope").getTime(), NaN);
  throws(RangeError, () => new Date(NaN).toISOString());
  same(Math.abs(Date.now() - new Date()) < 1000, true);
});
test("numbers have a plain English form", () => {
  alike([(1234567.891).toLocaleString(), (-1234.5).toLocaleString("en-US", { style: "currency", currency: "USD" }), (0.256).toLocaleString("en-US", { style: "percent" }), (5).toLocaleString("en-US", { minimumFractionDigits: 2 }), 12345n.toLocaleString()], ["1,234,567.891", "-$1,234.50", "26%", "5.00", "12,345"]);
});
