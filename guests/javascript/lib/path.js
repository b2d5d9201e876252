// node:path of POSIX systems.
function normalizeParts(path, isAbsolute) {
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !isAbsolute) parts.push(part);
  }
  return parts.join("/");
}
const text = (value, name = "path") => {
  if (typeof value === "string") return value;
  const error = new TypeError(`The "${name}" argument must be of type string. Received ${inspect(value)}`);
  error.code = "ERR_INVALID_ARG_TYPE";
  throw error;
};
const paths = {
  sep: "/",
  delimiter: ":",
  resolve(...parts) {
    let path = "";
    for (let at = parts.length - 1; at >= 0 && !path.startsWith("/"); at--) {
      if (text(parts[at], `paths[${at}]`) !== "") path = path ? `${parts[at]}/${path}` : parts[at];
    }
    if (!path.startsWith("/")) path = `${workingFolder}/${path}`;
    return "/" + normalizeParts(path, true);
  },
  normalize(path) {
    if (text(path) === "") return ".";
    const isAbsolute = path.startsWith("/"), end = path.endsWith("/") ? "/" : "";
    const normal = normalizeParts(path, isAbsolute);
    if (isAbsolute) return normal ? `/${normal}${end}` : "/";
    return normal ? normal + end : end ? "./" : ".";
  },
  isAbsolute: path => text(path).startsWith("/"),
  join(...parts) {
    const joined = parts.map((part, at) => text(part, `paths[${at}]`)).filter(part => part !== "").join("/");
    return joined === "" ? "." : paths.normalize(joined);
  },
  dirname(path) {
    const trimmed = text(path).replace(/(.)\/+$/s, "$1"), at = trimmed.lastIndexOf("/");
    return at < 0 ? "." : at === 0 ? "/" : trimmed.slice(0, at).replace(/(.)\/+$/s, "$1");
  },
  basename(path, suffix) {
    const name = text(path).replace(/\/+$/, "").split("/").at(-1);
    return suffix && name !== suffix && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
  },
  extname(path) {
    const name = paths.basename(path), at = name.lastIndexOf(".");
    return at <= 0 ? "" : name.slice(at);
  },
  relative(from, to) {
    const [a, b] = [paths.resolve(from), paths.resolve(to)].map(path => path.split("/").filter(Boolean));
    let same = 0;
    while (same < a.length && same < b.length && a[same] === b[same]) same++;
    return [...a.slice(same).map(() => ".."), ...b.slice(same)].join("/");
  },
  parse(path) {
    const root = text(path).startsWith("/") ? "/" : "", base = paths.basename(path), ext = paths.extname(path);
    const dir = paths.dirname(path);
    return { root, dir: dir === "." && !path.startsWith(".") ? "" : dir, base, ext, name: ext ? base.slice(0, -ext.length) : base };
  },
  format({ dir, root, base, name = "", ext = "" }) {
    const file = base ?? name + (ext && !ext.startsWith(".") ? "." : "") + ext, folder = dir ?? root;
    return !folder ? file : folder === root ? folder + file : `${folder}/${file}`;
  },
  toNamespacedPath: path => path,
};
paths.posix = paths;
let workingFolder = "/";
