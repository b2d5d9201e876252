// Turns that import. A turn is a script, whose declarations stay; so `import a from "x"` becomes
// `const {default: a} = await import("x")`, on the same lines.

// Where code is, and where strings, comments and the like are: the places of `import` at the
// start of statements, outside of all brackets.
function importPlaces(source) {
  const places = [];
  let depth = 0, at = 0, starts = true;
  const templates = [];
  const skipTo = pattern => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    at = found ? pattern.lastIndex : source.length;
  };
  while (at < source.length) {
    const c = source[at];
    if (c === "\n" || c === ";") { starts = true; at++; }
    else if (c === " " || c === "\t" || c === "\r") at++;
    else if (source.startsWith("//", at)) skipTo(/(?=\n)/g);
    else if (source.startsWith("/*", at)) skipTo(/\*\//g);
    else if (c === '"' || c === "'") { at++; skipTo(c === '"' ? /(?<!\\)(?:\\\\)*"/g : /(?<!\\)(?:\\\\)*'/g); starts = false; }
    else if (c === "`" || (c === "}" && templates.at(-1) === depth)) {
      if (c === "}") { templates.pop(); depth--; }
      for (at++; at < source.length; at++) {
        if (source[at] === "\\") at++;
        else if (source[at] === "`") break;
        else if (source.startsWith("${", at)) { depth++; templates.push(depth); at++; break; }
      }
      at++;
      starts = false;
    }
    else if (c === "/" && isRegExpPlace(source, at)) { at++; skipTo(/(?<!\\)(?:\\\\)*\//g); starts = false; }
    else if ("([{".includes(c)) { depth++; at++; starts = false; }
    else if (")]}".includes(c)) { depth--; at++; starts = c === "}"; }
    else {
      const word = /[\w$]+|./sy;
      word.lastIndex = at;
      const found = word.exec(source)[0];
      if (found === "import" && depth === 0 && starts) places.push(at);
      at += found.length;
      starts = false;
    }
  }
  return places;
}
const isRegExpPlace = (source, at) => {
  const before = source.slice(0, at).trimEnd();
  return before === "" || /[=([{,;:!&|?+\-*%^~<>}]$|\b(return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/.test(before);
};

const DECLARATION = /import\s*(?:([\w$]+)\s*,?\s*)?(?:\*\s*as\s+([\w$]+)\s*|\{([^}]*)\}\s*)?(?:from\s*)?(['"])([^'"\n]*)\4(?:\s*(?:with|assert)\s*(\{[^}]*\}))?[ \t]*;?/sy;
hooks.rewriteImports = source => {
  let made = "", from = 0;
  for (const place of importPlaces(source)) {
    DECLARATION.lastIndex = place;
    const found = DECLARATION.exec(source);
    if (!found) continue;
    const [whole, plain, space, list, , specifier, attributes] = found;
    const call = `await import(${stringify(specifier)}${attributes ? `, {with: ${attributes.replaceAll("\n", " ")}}` : ""})`;
    const names = [];
    if (plain) names.push(`default: ${plain}`);
    for (const entry of (list ?? "").replace(/\/\*.*?\*\/|\/\/.*/gs, "").split(",")) {
      const [name, , alias] = entry.trim().split(/\s+/);
      if (name) names.push(alias ? `${name}: ${alias}` : name);
    }
    const statements = [];
    if (space) statements.push(plain ? `const ${space} = ${call}, {default: ${plain}} = ${space};` : `const ${space} = ${call};`);
    else if (names.length) statements.push(`const {${names.join(", ")}} = ${call};`);
    else statements.push(`${call};`);
    made += source.slice(from, place) + statements.join(" ") + "\n".repeat(whole.split("\n").length - 1);
    from = place + whole.length;
  }
  return from === 0 ? undefined : made + source.slice(from);
};
