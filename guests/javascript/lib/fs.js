// node:fs over the guest's file tree: the synchronous functions, and the same as promises.
const { files } = native;
const WORDS = {
  EACCES: "permission denied", EBADF: "bad file descriptor", EBUSY: "resource busy or locked", EDQUOT: "disk quota exceeded", EEXIST: "file already exists",
  EFBIG: "file too large", EINVAL: "invalid argument", EIO: "i/o error", EISDIR: "illegal operation on a directory", ELOOP: "too many symbolic links encountered",
  EMFILE: "too many open files", ENAMETOOLONG: "name too long", ENOENT: "no such file or directory", ENOSPC: "no space left on device",
  ENOTDIR: "not a directory", ENOTEMPTY: "directory not empty", ENOTSUP: "operation not supported", EPERM: "operation not permitted",
  EROFS: "read-only file system", EXDEV: "cross-device link not permitted", ENOTCAPABLE: "operation not permitted",
};

function failure(number, syscall, path, dest) {
  // Outside of every mount: for a program that is a file it may not have.
  const code = files.codes[number] === "ENOTCAPABLE" ? "EACCES" : files.codes[number] ?? `E${number}`;
  const where = (path === undefined ? "" : ` '${path}'`) + (dest === undefined ? "" : ` -> '${dest}'`);
  const error = new Error(`${code}: ${WORDS[code] ?? files.errorText(number).toLowerCase()}, ${syscall}${where}`);
  Object.assign(error, { errno: -number, code, syscall });
  if (path !== undefined) error.path = path;
  if (dest !== undefined) error.dest = dest;
  return error;
}
const checked = (result, syscall, path, dest) => {
  if (typeof result === "number" && result < 0) throw failure(-result, syscall, path, dest);
  return result;
};
function pathText(path, name = "path") {
  if (path instanceof Uint8Array) path = native.decode(path, false);
  else if (isObject(path) && isInstance(path, URL)) path = fileURLToPath(path);
  text(path, name);
  if (path.includes("\0")) {
    const error = new TypeError(`The argument '${name}' must be a string without null bytes. Received ${inspect(path)}`);
    error.code = "ERR_INVALID_ARG_VALUE";
    throw error;
  }
  return path === "" || path.startsWith("/") || workingFolder === "/" ? (path.startsWith("/") || path === "" ? path : "/" + path) : paths.resolve(path);
}
const optionsOf = options => (typeof options === "string" ? { encoding: options } : options ?? {});
const isDescriptor = value => typeof value === "number";

class Stats {
  #type;
  constructor([type, size, mode, mtimeMs, atimeMs, ctimeMs, ino, nlink, dev]) {
    this.#type = type;
    const bits = { file: 0o100644, directory: 0o40755, symlink: 0o120777, other: 0o20644 }[type];
    Object.assign(this, { dev, mode: bits, nlink, uid: 0, gid: 0, rdev: 0, blksize: 4096, ino, size, blocks: Math.ceil(size / 512), atimeMs, mtimeMs, ctimeMs, birthtimeMs: ctimeMs });
    Object.assign(this, { atime: new Date(atimeMs), mtime: new Date(mtimeMs), ctime: new Date(ctimeMs), birthtime: new Date(ctimeMs) });
  }
  isFile() { return this.#type === "file"; }
  isDirectory() { return this.#type === "directory"; }
  isSymbolicLink() { return this.#type === "symlink"; }
  isFIFO() { return false; }
  isSocket() { return false; }
  isBlockDevice() { return false; }
  isCharacterDevice() { return this.#type === "other"; }
}
class Dirent {
  #type;
  constructor(name, type, parentPath) { this.#type = type; Object.assign(this, { name, parentPath, path: parentPath }); }
  isFile() { return this.#type === "file"; }
  isDirectory() { return this.#type === "directory"; }
  isSymbolicLink() { return this.#type === "symlink"; }
}

// Access mode, and bits: 1 create, 2 truncate, 4 fail if there, 8 append.
const FLAGS = { r: [0, 0], rs: [0, 0], "r+": [2, 0], "rs+": [2, 0], w: [1, 3], wx: [1, 7], "w+": [2, 3], "wx+": [2, 7], a: [1, 9], ax: [1, 13], "a+": [2, 9], "ax+": [2, 13] };
function openPath(path, flags = "r") {
  const how = typeof flags === "number" ? [flags & 3, (flags & 0o100 ? 1 : 0) | (flags & 0o1000 ? 2 : 0) | (flags & 0o200 ? 4 : 0) | (flags & 0o2000 ? 8 : 0)] : FLAGS[flags];
  if (!how) throw new TypeError(`The argument 'flags' is invalid. Received ${inspect(flags)}`);
  return checked(files.open(pathText(path), ...how), "open", path);
}
const dataBytes = (data, encoding) => {
  if (typeof data === "string") return textToBytes(data, encoding ?? "utf8");
  if (ArrayBuffer.isView(data)) return bytesOf(data);
  const error = new TypeError(`The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${inspect(data)}`);
  error.code = "ERR_INVALID_ARG_TYPE";
  throw error;
};
function writeAll(fd, bytes, path) {
  for (let at = 0; at < bytes.length; ) at += checked(files.transfer(fd, bytes, at, bytes.length - at, -1, true), "write", path);
}
function readText(path) {
  return native.decode(new Uint8Array(checked(files.readAll(pathText(path)), "open", path)), false);
}

const fs = {
  constants: { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_EXCL: 0o200, O_TRUNC: 0o1000, O_APPEND: 0o2000, COPYFILE_EXCL: 1 },
  Stats, Dirent,
  readFileSync(path, options) {
    const { encoding } = optionsOf(options);
    const found = checked(files.readAll(isDescriptor(path) ? path : path === "/dev/stdin" ? 0 : pathText(path)), isDescriptor(path) ? "read" : "open", isDescriptor(path) ? undefined : path);
    const bytes = Buffer.from(found);
    return encoding && encoding !== "buffer" ? bytes.toString(encoding) : bytes;
  },
  writeFileSync(path, data, options) {
    const { encoding, flag = "w" } = optionsOf(options), bytes = dataBytes(data, encoding);
    if (isDescriptor(path)) return writeAll(path, bytes);
    const fd = openPath(path, flag);
    try { writeAll(fd, bytes, path); } finally { files.close(fd); }
  },
  appendFileSync(path, data, options) { fs.writeFileSync(path, data, { flag: "a", ...optionsOf(options) }); },
  existsSync(path) { try { return typeof files.stat(pathText(path), true) !== "number"; } catch { return false; } },
  accessSync(path) { checked(files.stat(pathText(path), true), "access", path); },
  statSync(path, options) { return look(path, options, true, "stat"); },
  lstatSync(path, options) { return look(path, options, false, "lstat"); },
  fstatSync(fd) { return new Stats(checked(files.stat(fd, true), "fstat")); },
  readdirSync(path, options) {
    const { withFileTypes, recursive } = optionsOf(options), found = [];
    const visit = (folder, prefix) => {
      const list = checked(files.list(pathText(folder)), "scandir", folder);
      const entries = [];
      for (let at = 0; at < list.length; at += 2) entries.push([list[at], list[at + 1]]);
      entries.sort((a, b) => (a[0] < b[0] ? -1 : 1));
      for (const [name, type] of entries) {
        found.push(withFileTypes ? new Dirent(name, type, folder) : prefix + name);
        if (recursive && type === "directory") visit(paths.join(folder, name), prefix + name + "/");
      }
    };
    visit(isObject(path) ? pathText(path) : path, "");
    return found;
  },
  mkdirSync(path, options) {
    const recursive = optionsOf(options).recursive;
    if (!recursive) return void checked(files.makeFolder(pathText(path)), "mkdir", path);
    let made, at = "";
    for (const part of paths.resolve(pathText(path)).split("/").slice(1)) {
      at += "/" + part;
      const result = files.makeFolder(at);
      if (result === 0) made ??= at;
      else if (!fs.existsSync(at) || !fs.statSync(at).isDirectory()) throw failure(-result, "mkdir", path);
    }
    return made;
  },
  mkdtempSync(prefix) {
    for (;;) {
      const path = prefix + randomUUID().replaceAll("-", "").slice(0, 6);
      if (!fs.existsSync(path)) return fs.mkdirSync(path), path;
    }
  },
  rmdirSync(path, options) { if (optionsOf(options).recursive) fs.rmSync(path, { recursive: true }); else checked(files.removeFolder(pathText(path)), "rmdir", path); },
  unlinkSync(path) { checked(files.removeFile(pathText(path)), "unlink", path); },
  rmSync(path, options) {
    const { recursive, force } = optionsOf(options);
    const found = fs.lstatSync(path, { throwIfNoEntry: false });
    if (!found) { if (force) return; throw failure(44, "rm", path); }
    if (!found.isDirectory()) return fs.unlinkSync(path);
    if (!recursive) {
      const error = new Error(`Path is a directory: rm returned EISDIR (is a directory) ${path}`);
      error.code = "ERR_FS_EISDIR";
      throw error;
    }
    for (const name of fs.readdirSync(path)) fs.rmSync(paths.join(pathText(path), name), { recursive, force });
    checked(files.removeFolder(pathText(path)), "rm", path);
  },
  renameSync(from, to) { checked(files.rename(pathText(from), pathText(to)), "rename", from, to); },
  copyFileSync(from, to, mode = 0) {
    const bytes = new Uint8Array(checked(files.readAll(pathText(from)), "copyfile", from, to));
    fs.writeFileSync(to, bytes, { flag: mode & 1 ? "wx" : "w" });
  },
  cpSync(from, to, options) {
    if (!fs.statSync(from).isDirectory()) return fs.copyFileSync(from, to);
    fs.mkdirSync(to, { recursive: true });
    for (const name of fs.readdirSync(from)) fs.cpSync(paths.join(from, name), paths.join(to, name), options);
  },
  realpathSync(path) {
    let at = "", links = 0;
    const rest = paths.resolve(pathText(path)).split("/").filter(Boolean);
    while (rest.length) {
      const next = `${at}/${rest.shift()}`;
      if (checked(files.stat(next, false), "realpath", path)[0] !== "symlink") { at = next; continue; }
      if (++links > 40) throw failure(32, "realpath", path);
      const target = checked(files.readLink(next), "realpath", path);
      if (target.startsWith("/")) at = "";
      rest.unshift(...target.split("/").filter(part => part !== "" && part !== "."));
    }
    return at || "/";
  },
  symlinkSync(target, path) { checked(files.linkSymbolic(`${target}`, pathText(path)), "symlink", target, path); },
  linkSync(from, to) { checked(files.linkHard(pathText(from), pathText(to)), "link", from, to); },
  readlinkSync(path) { return checked(files.readLink(pathText(path)), "readlink", path); },
  truncateSync(path, length = 0) {
    const fd = openPath(path, "r+");
    try { fs.ftruncateSync(fd, length); } finally { files.close(fd); }
  },
  ftruncateSync(fd, length = 0) { checked(files.truncate(fd, length), "ftruncate"); },
  utimesSync(path, atime, mtime) {
    const ms = time => (isObject(time) ? time.getTime() : Number(time) * 1000);
    checked(files.setTimes(pathText(path), ms(atime), ms(mtime)), "utime", path);
  },
  chmodSync(path) { checked(files.stat(pathText(path), true), "chmod", path); },
  openSync: openPath,
  closeSync(fd) { checked(files.close(fd), "close"); },
  fsyncSync(fd) { checked(files.sync(fd), "fsync"); },
  readSync(fd, buffer, offset, length, position) {
    if (isObject(offset)) ({ offset, length, position } = offset);
    offset ??= 0;
    return checked(files.transfer(fd, bytesOf(buffer), offset, length ?? buffer.byteLength - offset, position ?? -1, false), "read");
  },
  writeSync(fd, data, offset, length, position) {
    if (typeof data === "string") return checked(files.transfer(fd, native.encode(data), 0, Buffer.byteLength(data), offset ?? -1, true), "write");
    offset ??= 0;
    return checked(files.transfer(fd, bytesOf(data), offset, length ?? data.byteLength - offset, position ?? -1, true), "write");
  },
};
function look(path, options, follows, syscall) {
  const found = files.stat(pathText(path), follows);
  if (typeof found === "number" && optionsOf(options).throwIfNoEntry === false && files.codes[-found] === "ENOENT") return undefined;
  return new Stats(checked(found, syscall, path));
}

class FileHandle {
  constructor(fd) { this.fd = fd; }
  async readFile(options) { return fs.readFileSync(this.fd, options); }
  async writeFile(data, options) { fs.writeFileSync(this.fd, data, options); }
  async appendFile(data, options) { fs.writeFileSync(this.fd, data, options); }
  async read(buffer, offset, length, position) { return { bytesRead: fs.readSync(this.fd, buffer, offset, length, position), buffer }; }
  async write(data, offset, length, position) { return { bytesWritten: fs.writeSync(this.fd, data, offset, length, position), buffer: data }; }
  async stat() { return fs.fstatSync(this.fd); }
  async truncate(length) { fs.ftruncateSync(this.fd, length); }
  async sync() { fs.fsyncSync(this.fd); }
  async close() { fs.closeSync(this.fd); }
  async [Symbol.asyncDispose]() { await this.close(); }
}
// The same with promises, and with callbacks as the last argument.
const fsPromises = { constants: fs.constants };
for (const name of Object.keys(fs)) {
  if (!name.endsWith("Sync")) continue;
  const plain = name.slice(0, -4), call = fs[name];
  fsPromises[plain] = async (...args) => call(...args);
  if (plain !== "exists") fs[plain] = (...args) => {
    const done = args.pop();
    if (typeof done !== "function") throw new TypeError('The "cb" argument must be of type function');
    let result, error = null;
    try { result = call(...args); } catch (caught) { error = caught; }
    timers.setImmediate(() => (error ? done(error) : done(null, result)));
  };
}
for (const name of ["exists", "open", "close", "read", "write", "fstat", "ftruncate", "fsync"]) delete fsPromises[name];
fsPromises.open = async (path, flags) => new FileHandle(openPath(path, flags));
fs.promises = fsPromises;
