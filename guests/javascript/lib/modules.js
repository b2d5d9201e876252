// Where modules come from: built in, or files of the guest's tree. ES modules, JSON, and CommonJS.
const builtins = {
  fs, "fs/promises": fsPromises, path: paths, "path/posix": paths, process: processObject, util, assert, "assert/strict": assert.strict, os, events: EventEmitter,
  buffer: { Buffer, atob, btoa, constants: { MAX_LENGTH: 2 ** 31 - 1 } }, url: { URL, URLSearchParams, fileURLToPath, pathToFileURL }, console: consoleObject,
  timers, "timers/promises": timersPromises, perf_hooks: { performance: performanceObject }, crypto: cryptoModule, readline, "readline/promises": readline.promises,
  "util/types": util.types,
  string_decoder: { StringDecoder: class StringDecoder { #decoder = new TextDecoder(); write(bytes) { return this.#decoder.decode(bytes, { stream: true }); } end(bytes) { return this.#decoder.decode(bytes); } } },
};
builtins.module = { builtinModules: Object.keys(builtins), createRequire: from => requireFrom(paths.dirname(`${from}`.startsWith("file:") ? fileURLToPath(`${from}`) : `${from}`)) };
const builtinName = name => (name.startsWith("node:") ? name.slice(5) : name);

function notFound(what, name, from) {
  const error = new Error(`Cannot find ${what} '${name}'${from ? ` imported from ${from}` : ""}`);
  error.code = what === "module" ? "MODULE_NOT_FOUND" : "ERR_MODULE_NOT_FOUND";
  return error;
}
const isFile = path => files.stat(path, true)[0] === "file";
const isFolder = path => files.stat(path, true)[0] === "directory";

// TypeScript, which becomes JavaScript before anything else is done with it.
const isTyped = path => /\.[cm]?ts$/.test(path);
const codeOf = path => (isTyped(path) ? native.translate(readText(path), path) : readText(path));
// Who writes TypeScript names what a file will be called once it is JavaScript, or leaves the ending away.
const TYPED = [[/\.js$/, ".ts"], [/\.mjs$/, ".mts"], [/\.cjs$/, ".cts"], [/$/, ".ts"], [/$/, ".mts"], [/$/, ".cts"], [/$/, ".js"], [/$/, "/index.ts"]];
const typedFile = path => TYPED.filter(([ending]) => ending.test(path)).map(([ending, typed]) => path.replace(ending, typed)).find(isFile);

// The file that a path means; CommonJS may leave endings away.
function fileOf(path, isRequire) {
  if (isFile(path)) return path;
  const typed = native.translates() ? typedFile(path) : undefined;
  if (typed !== undefined || !isRequire) return typed;
  for (const ending of [".js", ".json", ".cjs", ".mjs"]) if (isFile(path + ending)) return path + ending;
  if (!isFolder(path)) return undefined;
  const main = isFile(`${path}/package.json`) ? parse(readText(`${path}/package.json`)).main : undefined;
  return (main && fileOf(paths.join(path, main), true)) || ["index.js", "index.json"].map(name => `${path}/${name}`).find(isFile);
}

// What `exports` of a package says for a path in it.
function exported(target, conditions) {
  if (typeof target === "string") return target;
  if (isArray(target)) return target.map(one => exported(one, conditions)).find(Boolean);
  if (!isObject(target)) return undefined;
  for (const key of Object.keys(target)) if (conditions.includes(key)) return exported(target[key], conditions);
  return undefined;
}
function packageFile(name, folder, isRequire) {
  const [, owner, inner = ""] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.*))?$/.exec(name) ?? [];
  if (!owner) return undefined;
  for (let at = folder; ; at = paths.dirname(at)) {
    const home = paths.join(at, "node_modules", owner);
    if (isFolder(home)) {
      const about = isFile(`${home}/package.json`) ? parse(readText(`${home}/package.json`)) : {};
      const conditions = [isRequire ? "require" : "import", "node", "module", "default"];
      if (about.exports !== undefined) {
        const isMap = isObject(about.exports) && Object.keys(about.exports)[0]?.startsWith(".");
        const target = exported(isMap ? about.exports[inner ? `./${inner}` : "."] : inner ? undefined : about.exports, conditions);
        if (target) return fileOf(paths.join(home, target), true);
      }
      return fileOf(paths.join(home, inner || (!isRequire && about.module) || about.main || "index.js"), true);
    }
    if (at === "/") return undefined;
  }
}

function locate(name, folder, isRequire) {
  if (name.startsWith("file:")) return fileOf(fileURLToPath(name), isRequire);
  if (/^\.{0,2}\//.test(name) || name === "." || name === "..") return fileOf(paths.resolve(folder, name), isRequire);
  return packageFile(name, folder, isRequire);
}
const folderOf = from => (from.startsWith("/") ? paths.dirname(from) : workingFolder);

hooks.resolve = (from, name) => {
  if (builtinName(name) in builtins) return `node:${builtinName(name)}`;
  if (/^[a-z][a-z\d+.-]*:/i.test(name) && !name.startsWith("file:")) {
    throw new TypeError(`'${name}' cannot be imported: only files of the sandbox and built-in modules can`);
  }
  const path = locate(name, folderOf(from), false);
  if (path === undefined) throw notFound(/^\.{0,2}\//.test(name) ? "module" : "package", /^\.{0,2}\//.test(name) ? paths.resolve(folderOf(from), name) : name, from);
  return path;
};

// A file is CommonJS if it says so, or if it is plain .js and uses what only CommonJS has.
function isCommonJs(path, source) {
  if (/\.c[jt]s$/.test(path)) return true;
  if (/\.m[jt]s$/.test(path)) return false;
  return /\b(module\.exports|exports\.[\w$]+\s*=|require\s*\()/.test(source) && !/^\s*(import\b(?!\s*\()|export\b)/m.test(source);
}

hooks.load = (name, attributes) => {
  if (name.startsWith("node:")) return { object: builtins[name.slice(5)] };
  const source = codeOf(name);
  if (name.endsWith(".json") || attributes?.type === "json") return { source, json: true };
  if (isCommonJs(name, source)) return { object: requireFile(name) };
  return { source };
};

hooks.describeModule = (meta, name) => {
  meta.url = name.startsWith("/") ? pathToFileURL(name).href : name;
  if (name.startsWith("/")) Object.assign(meta, { filename: name, dirname: paths.dirname(name) });
  meta.main = name === mainFile;
  meta.resolve = specifier => {
    const found = hooks.resolve(name, `${specifier}`);
    return found.startsWith("/") ? pathToFileURL(found).href : found;
  };
};

const loaded = Object.create(null);
class Module {
  constructor(id) { Object.assign(this, { id, filename: id, path: paths.dirname(id), exports: {}, loaded: false, children: [], paths: [] }); }
}
function requireFile(path) {
  if (loaded[path]) return loaded[path].exports;
  const module = (loaded[path] = new Module(path));
  try {
    const source = codeOf(path);
    if (path.endsWith(".json")) module.exports = parse(source);
    else {
      // On one line with the first of the file, so that its lines keep their numbers.
      const wrapped = native.evaluate(`(function (exports, require, module, __filename, __dirname) {${source.replace(/^#!.*/, "")}\n})`, path);
      module.require = requireFrom(module.path);
      wrapped.call(module.exports, module.exports, module.require, module, path, module.path);
    }
  } catch (error) {
    delete loaded[path];
    throw error;
  }
  module.loaded = true;
  return module.exports;
}
function requireFrom(folder) {
  const find = name => {
    if (builtinName(text(name, "id")) in builtins) return `node:${builtinName(name)}`;
    const path = locate(name, folder ?? folderOf(mainFile ?? ""), true);
    if (path === undefined) throw notFound("module", name);
    return path;
  };
  const require = name => {
    const found = find(name);
    return found.startsWith("node:") ? builtins[found.slice(5)] : requireFile(found);
  };
  return Object.assign(require, { resolve: find, cache: loaded, main: mainModule });
}

// The files below this folder are others than those that were imported.
function forgetModules(folder) {
  native.forgetModules(`${folder}/`);
  for (const path of keysOf(loaded)) if (path.startsWith(`${folder}/`)) delete loaded[path];
}

let mainFile;
const mainModule = new Module("/");
mainModule.id = ".";
global("require", requireFrom(undefined));
global("module", mainModule);
global("exports", mainModule.exports);
const setMain = name => {
  mainFile = name;
  Object.assign(mainModule, { filename: name, path: paths.dirname(name), exports: {} });
  global("exports", mainModule.exports);
  global("module", mainModule);
  global("__filename", name);
  global("__dirname", paths.dirname(name));
};
