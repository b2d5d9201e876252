// process, as far as a guest has one.
const events = new EventEmitter();
class Output extends EventEmitter {
  constructor(fd) { super(); this.fd = fd; this.isTTY = false; this.writable = true; this.columns = 80; }
  write(data, encoding, done) {
    native.write(this.fd, typeof data === "string" ? data : bytesOf(data));
    const callback = typeof encoding === "function" ? encoding : done;
    if (callback) queueMicrotask(callback);
    return true;
  }
  end(data) { if (data !== undefined) this.write(data); }
}
class Input extends EventEmitter {
  fd = 0;
  isTTY = false;
  #encoding = null;
  #flowing = false;
  setEncoding(encoding) { this.#encoding = encodingOf(encoding); return this; }
  #chunk() {
    const bytes = Buffer.alloc(65536), count = fs.readSync(0, bytes);
    return count === 0 ? null : this.#encoding ? bytes.toString(this.#encoding, 0, count) : bytes.subarray(0, count);
  }
  read() { return this.#chunk(); }
  on(name, listener) {
    super.on(name, listener);
    if (name === "data" || name === "readable") this.resume();
    return this;
  }
  resume() {
    if (this.#flowing) return this;
    this.#flowing = true;
    timers.setImmediate(() => {
      const all = fs.readFileSync(0);
      if (all.length) this.emit("data", this.#encoding ? all.toString(this.#encoding) : all);
      this.emit("end");
      this.emit("close");
    });
    return this;
  }
  pause() { return this; }
  async *[Symbol.asyncIterator]() {
    for (let chunk = this.#chunk(); chunk !== null; chunk = this.#chunk()) yield chunk;
  }
}

const startOfTime = () => native.clock() - timeOrigin;
const hrtime = since => {
  const now = startOfTime(), at = [Math.floor(now / 1e3), Math.round((now % 1e3) * 1e6)];
  if (!since) return at;
  const nanoseconds = at[1] - since[1];
  return nanoseconds < 0 ? [at[0] - since[0] - 1, nanoseconds + 1e9] : [at[0] - since[0], nanoseconds];
};
hrtime.bigint = () => BigInt(Math.round(startOfTime() * 1e6));
const memoryUsage = () => {
  const heapUsed = native.memoryUse(), rss = native.memorySize();
  return { rss, heapTotal: rss, heapUsed, external: 0, arrayBuffers: 0 };
};
memoryUsage.rss = () => native.memorySize();

const processObject = Object.assign(Object.create({ constructor: function process() {} }), {
  argv: ["javascript"],
  argv0: "javascript",
  execArgv: [],
  execPath: "/usr/local/bin/javascript",
  env: {},
  pid: 1,
  ppid: 0,
  title: "javascript",
  platform: "wasi",
  arch: "wasm32",
  version: "v0.16.2",
  versions: { quickjs: "0.16.2" },
  release: { name: "quickjs-ng" },
  config: {},
  stdin: new Input(),
  stdout: new Output(1),
  stderr: new Output(2),
  exit(code) {
    if (code !== undefined) native.exitCode(Number(code) || 0);
    native.exit();
  },
  abort() { native.exitCode(134); native.exit(); },
  cwd: () => workingFolder,
  chdir(path) {
    const found = fs.statSync(path);
    if (!found.isDirectory()) throw failure(54, "chdir", path);
    workingFolder = paths.resolve(path);
  },
  uptime: () => startOfTime() / 1e3,
  hrtime,
  memoryUsage,
  cpuUsage: () => ({ user: Math.round(startOfTime() * 1e3), system: 0 }),
  nextTick(callback, ...args) { queueMicrotask(() => callback(...args)); },
  emitWarning(warning) { native.write(2, `(javascript) ${isObject(warning) ? warning : `Warning: ${warning}`}\n`); },
  umask: () => 0o22,
  getuid: () => 0,
  getgid: () => 0,
});
Object.defineProperty(processObject, "exitCode", {
  get: () => native.exitCode() || undefined,
  set: code => { native.exitCode(Number(code) || 0); },
  enumerable: true,
  configurable: true,
});
for (const name of ["on", "once", "off", "addListener", "removeListener", "removeAllListeners", "emit", "listeners", "listenerCount", "prependListener"]) {
  define(processObject, name, (...args) => { const result = events[name](...args); return result === events ? processObject : result; });
}
define(processObject, Symbol.toStringTag, "process");
global("process", processObject);
