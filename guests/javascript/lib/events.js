// Events: EventTarget and AbortController (DOM), and Node's EventEmitter.
class Event {
  #type; #init; #stopped = false; #prevented = false; target = null; currentTarget = null;
  constructor(type, init = {}) { this.#type = `${type}`; this.#init = init; this.timeStamp = performanceObject.now(); }
  get type() { return this.#type; }
  get cancelable() { return !!this.#init.cancelable; }
  get bubbles() { return !!this.#init.bubbles; }
  get defaultPrevented() { return this.#prevented; }
  get stopped() { return this.#stopped; }
  preventDefault() { if (this.cancelable) this.#prevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() { this.#stopped = true; }
}
class CustomEvent extends Event {
  #detail;
  constructor(type, init = {}) { super(type, init); this.#detail = init.detail ?? null; }
  get detail() { return this.#detail; }
}
class EventTarget {
  #listeners = [];
  addEventListener(type, listener, options) {
    if (!listener || this.#listeners.some(known => known.type === type && known.listener === listener)) return;
    this.#listeners.push({ type: `${type}`, listener, once: !!options?.once });
  }
  removeEventListener(type, listener) {
    this.#listeners = this.#listeners.filter(known => known.type !== type || known.listener !== listener);
  }
  dispatchEvent(event) {
    event.target = event.currentTarget = this;
    const handler = this["on" + event.type];
    if (typeof handler === "function") handler.call(this, event);
    for (const known of this.#listeners.filter(one => one.type === event.type)) {
      if (known.once) this.removeEventListener(known.type, known.listener);
      if (typeof known.listener === "function") known.listener.call(this, event);
      else known.listener.handleEvent(event);
      if (event.stopped) break;
    }
    return !event.defaultPrevented;
  }
}
let abort;
class AbortSignal extends EventTarget {
  #aborted = false;
  #reason;
  onabort = null;
  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }
  static {
    abort = (signal, reason = new DOMException("This operation was aborted", "AbortError")) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason;
      signal.dispatchEvent(new Event("abort"));
    };
  }
  static abort(reason) { const signal = new AbortSignal(); abort(signal, reason); return signal; }
  static timeout(ms) {
    const signal = new AbortSignal();
    timers.setTimeout(() => abort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms).unref();
    return signal;
  }
  static any(signals) {
    const made = new AbortSignal();
    for (const signal of signals) {
      if (signal.aborted) abort(made, signal.reason);
      else signal.addEventListener("abort", () => abort(made, signal.reason));
    }
    return made;
  }
}
class AbortController {
  #signal = new AbortSignal();
  get signal() { return this.#signal; }
  abort(reason) { abort(this.#signal, reason); }
}
for (const made of [Event, CustomEvent, EventTarget, AbortSignal, AbortController]) global(made.name, made);

class EventEmitter {
  #known = new Map();
  #put(name, listener, first, once) {
    if (typeof listener !== "function") throw new TypeError('The "listener" argument must be of type function');
    const list = this.#known.get(name) ?? [];
    this.#known.set(name, first ? [{ listener, once }, ...list] : [...list, { listener, once }]);
    return this;
  }
  on(name, listener) { return this.#put(name, listener, false, false); }
  addListener(name, listener) { return this.on(name, listener); }
  prependListener(name, listener) { return this.#put(name, listener, true, false); }
  once(name, listener) { return this.#put(name, listener, false, true); }
  prependOnceListener(name, listener) { return this.#put(name, listener, true, true); }
  off(name, listener) {
    const list = this.#known.get(name) ?? [], at = list.findLastIndex(entry => entry.listener === listener);
    if (at >= 0) this.#known.set(name, list.toSpliced(at, 1));
    return this;
  }
  removeListener(name, listener) { return this.off(name, listener); }
  removeAllListeners(name) { if (name === undefined) this.#known.clear(); else this.#known.delete(name); return this; }
  emit(name, ...args) {
    const list = this.#known.get(name) ?? [];
    if (name === "error" && list.length === 0) throw isObject(args[0]) ? args[0] : new Error(`Unhandled error. (${inspect(args[0])})`);
    for (const entry of list) {
      if (entry.once) this.#known.set(name, (this.#known.get(name) ?? []).filter(other => other !== entry));
      entry.listener.apply(this, args);
    }
    return list.length > 0;
  }
  listenerCount(name) { return this.#known.get(name)?.length ?? 0; }
  listeners(name) { return (this.#known.get(name) ?? []).map(entry => entry.listener); }
  eventNames() { return [...this.#known.keys()].filter(name => this.listenerCount(name) > 0); }
  setMaxListeners() { return this; }
  static EventEmitter = EventEmitter;
  static defaultMaxListeners = 10;
  static once(emitter, name) {
    return new Promise((resolve, reject) => {
      emitter.once(name, (...args) => resolve(args));
      if (name !== "error") emitter.once("error", reject);
    });
  }
}
