// setTimeout and its kin (HTML specification, section 8.6); the shim keeps and runs the timers.
class Timeout {
  #id;
  #callback;
  #delay;
  #args;
  constructor(callback, delay, repeats, args) {
    if (typeof callback !== "function") {
      const error = new TypeError(`The "callback" argument must be of type function. Received ${inspect(callback)}`);
      error.code = "ERR_INVALID_ARG_TYPE";
      throw error;
    }
    this.#callback = callback;
    this.#delay = Number(delay);
    this.#args = args;
    this.#id = native.addTimer(callback, this.#delay, repeats, ...args);
  }
  ref() { native.keepTimer(this.#id, true); return this; }
  unref() { native.keepTimer(this.#id, false); return this; }
  hasRef() { return native.hasTimer(this.#id); }
  refresh() {
    native.clearTimer(this.#id);
    this.#id = native.addTimer(this.#callback, this.#delay, false, ...this.#args);
    return this;
  }
  close() { native.clearTimer(this.#id); return this; }
  [Symbol.toPrimitive]() { return this.#id; }
  [Symbol.dispose]() { this.close(); }
}
const clearAny = timer => {
  if (isObject(timer) && isInstance(timer, Timeout)) timer.close();
  else if (typeof timer === "number" || typeof timer === "string") native.clearTimer(Number(timer));
};
const timers = {
  setTimeout(callback, delay = 1, ...args) { return new Timeout(callback, Math.max(Number(delay), 0) || 0, false, args); },
  setInterval(callback, delay = 1, ...args) { return new Timeout(callback, Math.max(Number(delay), 0) || 0, true, args); },
  setImmediate(callback, ...args) { return new Timeout(callback, -1, false, args); },
  clearTimeout(timer) { clearAny(timer); },
  clearInterval(timer) { clearAny(timer); },
  clearImmediate(timer) { clearAny(timer); },
};
for (const [name, method] of Object.entries(timers)) global(name, method);
const later = (delay, value, how) => new Promise((resolve, reject) => {
  const signal = how?.signal;
  if (signal?.aborted) return reject(signal.reason);
  const timer = timers.setTimeout(resolve, delay, value);
  signal?.addEventListener("abort", () => { timer.close(); reject(signal.reason); });
});
const timersPromises = {
  setTimeout: later,
  setImmediate: value => new Promise(resolve => timers.setImmediate(resolve, value)),
  async *setInterval(delay, value) { for (;;) yield await later(delay, value); },
};
timersPromises.scheduler = { wait: delay => later(delay), yield: () => timersPromises.setImmediate() };

let timeOrigin = native.clock();
let startedAt = Date.now();
const entries = [];
const performanceObject = {
  now: () => native.clock() - timeOrigin,
  get timeOrigin() { return startedAt; },
  mark(name) {
    const entry = { name: `${name}`, entryType: "mark", startTime: native.clock() - timeOrigin, duration: 0 };
    entries.push(entry);
    return entry;
  },
  measure(name, from, to) {
    const at = mark => entries.findLast(entry => entry.name === mark)?.startTime;
    const startTime = from === undefined ? 0 : at(from) ?? 0;
    const entry = { name: `${name}`, entryType: "measure", startTime, duration: (to === undefined ? performanceObject.now() : at(to) ?? 0) - startTime };
    entries.push(entry);
    return entry;
  },
  getEntries: () => [...entries],
  getEntriesByName: name => entries.filter(entry => entry.name === name),
  getEntriesByType: type => entries.filter(entry => entry.entryType === type),
  clearMarks() { entries.length = 0; },
  clearMeasures() { entries.length = 0; },
  toJSON() { return { timeOrigin: startedAt }; },
};
define(performanceObject, Symbol.toStringTag, "Performance");
global("performance", performanceObject);
const freshTime = () => { timeOrigin = native.clock(); startedAt = Date.now(); };
