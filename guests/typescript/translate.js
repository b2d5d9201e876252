// `translate(source)`: the program as JavaScript, every line where it was; or, of a program that is none,
// [message, line, column], both counted from 1.
const FORMS = new Map([[Kind.EnumDeclaration, "this enum"], [Kind.ModuleDeclaration, "this namespace"], [Kind.ImportEqualsDeclaration, "this import"]]);

function checked(source, at = 0) {
  const file = parse(source);
  const [problem] = file.parseDiagnostics;
  if (problem) throw new Refusal(firstOf(problem.messageText), problem.start);
  return file;
}
const firstOf = text => (typeof text === "string" ? text : text.messageText);

function placeOf(source, at) {
  const before = source.slice(0, at).split(/\r\n|[\n\r\u2028\u2029]/);
  return [before.length, before.at(-1).length + 1];
}

return source => {
  let text = source;
  try {
    let file = checked(source);
    if (HAS_MORE.test(source)) {
      const rewritten = new Rewriter(source, file).run();
      if (rewritten !== undefined) file = checked((text = rewritten));
    }
    return blankSourceFile(file, node => {
      throw new Refusal(`${FORMS.get(node.kind) ?? "this form of TypeScript"} is not supported`, node.getStart(file));
    });
  } catch (error) {
    if (error instanceof Refusal) return [error.message, ...placeOf(text, error.at)];
    throw error;
  }
};
})()
