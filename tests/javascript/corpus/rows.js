// Runs rows of the corpus: each is a program on its own, and what comes of it is text that every engine can be held to.
// `outcomesOf` takes the sources and gives their outcomes, in order.
const await_ = value => Promise.resolve(value), throw_ = error => { throw error };
const shown = (value, depth = 0) => {
  if (typeof value === "string") return depth ? JSON.stringify(value) : value.replaceAll("\n", "⏎");
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return value.toString();
  if (typeof value === "function") return "function";
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return String(value);
  if (depth > 4) return "…";
  if (value instanceof Error) return `${value.name}!`;
  if (Array.isArray(value)) return "[" + Array.from(value, item => shown(item, depth + 1)).join(",") + "]";
  return "{" + Object.keys(value).map(key => `${key}:${shown(value[key], depth + 1)}`).join(",") + "}";
};
const thrown = error => "throws " + (error instanceof Error ? error.name : shown(error, 1));
const outcomeOf = async source => {
  let value;
  try { value = (0, eval)(source); } catch (error) { return thrown(error); }
  try { return shown(await value); } catch (error) { return "rejects " + thrown(error).slice(7); }
};
const outcomesOf = async sources => { const all = []; for (const source of sources) all.push(await outcomeOf(source)); return all; };
