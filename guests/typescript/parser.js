// What is used of TypeScript.
const ts = {
  createScanner, createSourceFile, forEachChild, isBinaryExpression, isNamedExports, isNamedImports, isStatement,
  JSDocParsingMode, LanguageVariant, ModuleKind, NodeFlags, ScriptKind, ScriptTarget, SyntaxKind,
};
const Kind = SyntaxKind;
const OPTIONS = { languageVersion: ScriptTarget.ESNext, impliedNodeFormat: ModuleKind.ESNext, jsDocParsingMode: JSDocParsingMode.ParseNone };
const parse = source => createSourceFile("program.ts", source, OPTIONS, false, ScriptKind.TS);

// What nodes have in TypeScript's services, which are left out: as little of it as ts-blank-space asks for.
const METHODS = {
  forEachChild(visit, visitAll) { return forEachChild(this, visit, visitAll); },
  getEnd() { return this.end; },
  getFullStart() { return this.pos; },
  getFullText(file) { return file.text.slice(this.pos, this.end); },
  getStart(file) { return getTokenPosOfNode(this, file); },
  getText(file) { return file.text.slice(this.getStart(file), this.end); },
};
for (const name of ["Node", "Token", "Identifier", "PrivateIdentifier", "SourceFile"]) {
  Object.assign(objectAllocator[`get${name}Constructor`]().prototype, METHODS);
}

// What an identifier or a literal says.
const textOf = node => (node.kind === Kind.Identifier ? idText(node) : node.text);

// A program that is none, at a place of its source.
class Refusal extends Error {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}
