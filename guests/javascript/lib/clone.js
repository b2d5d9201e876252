// structuredClone (HTML specification, section 2.7).
const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function cannotClone(value) {
  const text = typeof value === "symbol" ? value.toString() : typeof value === "function" ? functionToString(value).slice(0, 200) : `#<${constructorName(value) ?? "Object"}>`;
  return new DOMException(`${text} could not be cloned.`, "DataCloneError");
}

function cloneValue(value, known, moved) {
  if (typeof value === "symbol" || typeof value === "function") throw cannotClone(value);
  if (!isObject(value)) return value;
  if (known.has(value)) return known.get(value);
  const kind = native.parts(value)?.[0];
  const keep = made => { known.set(value, made); return made; };
  switch (kind) {
    case "Boolean": case "Number": case "String": case "BigInt": return keep(Object(value.valueOf()));
    case "Date": return keep(new Date(value.getTime()));
    case "RegExp": return keep(new RegExp(value.source, value.flags));
    case "ArrayBuffer": return keep(moved.has(value) ? value.transfer() : value.slice(0));
    case "SharedArrayBuffer": return keep(value);
    case "Map": {
      const made = keep(new Map());
      for (const [key, item] of [...value]) made.set(cloneValue(key, known, moved), cloneValue(item, known, moved));
      return made;
    }
    case "Set": {
      const made = keep(new Set());
      for (const item of [...value]) made.add(cloneValue(item, known, moved));
      return made;
    }
    case "Error": {
      const error = keep(new (ERRORS[value.name] ?? Error)());
      for (const name of ["message", "stack", "cause"]) if (hasOwn(value, name)) define(error, name, cloneValue(value[name], known, moved));
      return error;
    }
    case "Proxy": case "Promise": case "WeakMap": case "WeakSet": case "WeakRef": case "Symbol": case "Generator": case "AsyncGenerator":
      throw cannotClone(value);
  }
  if (ArrayBuffer.isView(value)) {
    const { byteOffset, length, byteLength } = value;
    const buffer = cloneValue(value.buffer, known, moved);
    if (kind === "DataView") return keep(new DataView(buffer, byteOffset, byteLength));
    const constructor = globalThis[Object.prototype.toString.call(value).slice(8, -1)];
    return keep(new constructor(buffer, byteOffset, length));
  }
  const made = keep(isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) {
    Object.defineProperty(made, key, { value: cloneValue(value[key], known, moved), writable: true, enumerable: true, configurable: true });
  }
  return made;
}

global("structuredClone", function structuredClone(value, options) {
  if (arguments.length === 0) throw new TypeError("structuredClone needs a value");
  const moved = new Set(options?.transfer ?? []);
  for (const item of moved) if (native.parts(item)?.[0] !== "ArrayBuffer") throw new DOMException("Value not transferable", "DataCloneError");
  const made = cloneValue(value, new Map(), moved);
  for (const item of moved) if (!item.detached) item.transfer();
  return made;
});
