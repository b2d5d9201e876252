// Imports of what is only used as a type go, as TypeScript itself lets them go. A statement that loses all its names
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
    for (const [at, element] of (elements ?? []).entries()) {
      if (used.includes(element)) continue;
      const end = at + 1 < elements.length ? elements[at + 1].getStart(file) : elements.hasTrailingComma ? elements.end : element.end;
      edits.blank(element.getStart(file), end);
    }
  }
}
