// Imports of what is only used as a type go, as TypeScript itself lets them go, and so do exports of types. A statement that loses all its names
// goes with them; `import "./file"` stays.
function valuesOf(file) {
  const values = new Set();
  const visit = node => {
    const { kind } = node;
    if (kind === Kind.Identifier) return void values.add(idText(node));
    if (kind >= Kind.FirstTypeNode && kind <= Kind.LastTypeNode) return;
    switch (kind) {
      case Kind.ImportDeclaration: case Kind.InterfaceDeclaration: case Kind.TypeAliasDeclaration: return;
      case Kind.HeritageClause:
        if (node.token === Kind.ImplementsKeyword) return;
        return node.types.forEach(type => visit(type.expression));
      case Kind.ExpressionWithTypeArguments: return visit(node.expression);
      case Kind.PropertyAccessExpression: return visit(node.expression);
      case Kind.ExportDeclaration:
        if (node.isTypeOnly || node.moduleSpecifier) return;
        return node.exportClause.elements.forEach(element => element.isTypeOnly || visit(element.propertyName ?? element.name));
    }
    forEachChild(node, visit);
  };
  forEachChild(file, visit);
  return values;
}

function dropUnusedImports(file, edits) {
  const imports = file.statements.filter(({ kind, importClause }) => kind === Kind.ImportDeclaration && importClause && !importClause.isTypeOnly);
  if (imports.length === 0) return;
  const values = valuesOf(file);
  const isValue = name => values.has(textOf(name));
  for (const statement of imports) {
    const { name, namedBindings: bindings } = statement.importClause;
    const elements = bindings && isNamedImports(bindings) ? bindings.elements : undefined;
    const used = elements?.filter(element => !element.isTypeOnly && isValue(element.name)) ?? [];
    const keepsAll = bindings && !elements && isValue(bindings.name);
    const keepsName = name && isValue(name);
    const says = name || !elements || elements.length > 0;
    if (says && !keepsAll && !keepsName && used.length === 0) {
      edits.blank(statement.getStart(file), statement.end);
      edits.insert(statement.end, ";");
      continue;
    }
    if (name && !keepsName) edits.blank(name.getStart(file), bindings.getStart(file));
    if (elements) blankOthers(elements, element => used.includes(element), file, edits);
  }
}

function blankOthers(elements, isKept, file, edits) {
  for (const [at, element] of elements.entries()) {
    if (isKept(element)) continue;
    const end = at + 1 < elements.length ? elements[at + 1].getStart(file) : elements.hasTrailingComma ? elements.end : element.end;
    edits.blank(element.getStart(file), end);
  }
}

// `export { A }` of an interface or a type that is declared in the file, and of nothing else of that name.
function dropExportsOfTypes(file, edits) {
  const lists = file.statements.filter(({ kind, isTypeOnly, moduleSpecifier, exportClause }) => kind === Kind.ExportDeclaration && !isTypeOnly && !moduleSpecifier && exportClause);
  if (lists.length === 0) return;
  const isType = ({ kind }) => kind === Kind.InterfaceDeclaration || kind === Kind.TypeAliasDeclaration;
  const named = which => file.statements.filter(({ name }) => name).filter(which).map(({ name }) => textOf(name));
  const values = new Set(named(statement => !isType(statement)));
  for (const { kind, declarationList } of file.statements) {
    if (kind === Kind.VariableStatement) for (const { name } of declarationList.declarations) values.add(textOf(name));
  }
  const types = new Set(named(isType).filter(name => !values.has(name)));
  for (const { exportClause: { elements } } of lists) {
    blankOthers(elements, ({ name, propertyName }) => !types.has(textOf(propertyName ?? name)), file, edits);
  }
}
