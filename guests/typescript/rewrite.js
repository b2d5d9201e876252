// TypeScript that is more than types: enums, namespaces, parameter properties, `import =`, `export =`, and the assertions
// that cannot be blanked where they stand. They become JavaScript on the same lines; what is left is only types.
const HAS_MORE = /\b(?:enum|namespace|module|constructor|require|export|import|as|satisfies)\b|<|@/;

class Rewriter {
  #source;
  #file;
  #edits;
  // The names that were declared by an enum or a namespace, by the node whose statements they are in.
  #declared = new Map();

  constructor(source, file) {
    this.#source = source;
    this.#file = file;
    this.#edits = new Edits(source);
  }

  // The rewritten source; undefined if there is nothing to rewrite.
  run() {
    dropUnusedImports(this.#file, this.#edits);
    this.#statements(this.#file.statements, this.#file);
    return this.#edits.none ? undefined : this.#edits.applied();
  }

  #start = node => node.getStart(this.#file);
  #text = node => node.getText(this.#file);
  #has = (node, kind) => node.modifiers?.some(modifier => modifier.kind === kind) ?? false;

  #statements(statements, scope, owner) {
    const names = statements.filter(({ kind, name }) => name && (kind === Kind.FunctionDeclaration || kind === Kind.ClassDeclaration)).map(({ name }) => textOf(name));
    this.#declared.set(scope, new Set(names));
    for (const statement of statements) this.#visit(statement, scope, owner);
  }

  // `scope` is what the nearest statements are in; `owner` names the namespace if that is one's body.
  #visit(node, scope, owner) {
    switch (node.kind) {
      case Kind.Decorator:
        throw new Refusal("decorators are not supported", this.#start(node));
      case Kind.TypeAliasDeclaration: case Kind.InterfaceDeclaration: case Kind.TypeReference: case Kind.FunctionType: case Kind.TypeLiteral:
        return;
      case Kind.EnumDeclaration: return this.#enum(node, scope, owner);
      case Kind.ModuleDeclaration: return this.#namespace(node, scope, owner);
      case Kind.ClassDeclaration: case Kind.ClassExpression:
        if (this.#has(node, Kind.DeclareKeyword)) return;
        this.#class(node);
        break;
      case Kind.ImportEqualsDeclaration: this.#importEquals(node, owner); break;
      case Kind.ExportAssignment:
        if (node.isExportEquals) this.#edits.replace(this.#start(node), this.#start(node.expression), "module.exports = ");
        break;
      case Kind.TypeAssertionExpression:
        this.#edits.replace(this.#start(node), this.#start(node.expression), "(");
        this.#edits.insert(node.end, ")");
        break;
      case Kind.AsExpression: case Kind.SatisfiesExpression:
        // Without its type, `a + b as T * c` would be another expression.
        if (isBinaryExpression(node.expression)) {
          this.#edits.insert(this.#start(node), "(");
          this.#edits.insert(node.expression.end, ")");
        }
        break;
      case Kind.BinaryExpression:
        this.#mixed(node, node.left, node.left.right);
        this.#mixed(node, node.right, node.right.left);
        break;
      case Kind.Block: case Kind.CaseClause: case Kind.DefaultClause:
        if (node.expression) this.#visit(node.expression, scope, owner);
        return this.#statements(node.statements, node);
    }
    if (node.kind === Kind.VariableStatement && this.#has(node, Kind.DeclareKeyword)) return;
    forEachChild(node, child => this.#visit(child, scope, owner));
  }

  // `a ?? b as T && c` needs parentheses once `as T` is gone.
  #mixed(node, operand, inner) {
    if (!isBinaryExpression(operand) || (inner.kind !== Kind.AsExpression && inner.kind !== Kind.SatisfiesExpression)) return;
    const [outer, own] = [node.operatorToken.kind, operand.operatorToken.kind].map(kind => kind === Kind.QuestionQuestionToken);
    if (outer === own) return;
    this.#edits.insert(this.#start(operand), "(");
    this.#edits.insert(operand.end, ")");
  }

  // `var NAME; `, once for all declarations of one name in one place.
  #declaration(name, scope, prefix) {
    const names = this.#declared.get(scope);
    if (names.has(name)) return "";
    names.add(name);
    return `${prefix}var ${name}; `;
  }

  #enum(node, scope, owner) {
    if (this.#has(node, Kind.DeclareKeyword)) return;
    const name = this.#text(node.name);
    const prefix = this.#has(node, Kind.ExportKeyword) && !owner ? "export " : "";
    const open = this.#source.indexOf("{", node.name.end);
    this.#edits.replace(this.#start(node), open + 1, `${this.#declaration(name, scope, prefix)}((${name}, $member) => { `);
    const members = node.members.map(member => ({ member, name: this.#memberName(member.name) }));
    const known = new Set(members.map(({ name }) => name));
    members.forEach(({ member, name: own }, at) => {
      const key = member.name.kind === Kind.ComputedPropertyName ? this.#text(member.name.expression) : JSON.stringify(own);
      const before = at > 0 ? `${name}[${JSON.stringify(members[at - 1].name)}] + 1` : "0";
      const start = this.#start(member.name);
      if (member.initializer) {
        this.#edits.replace(start, this.#start(member.initializer), `$member(${key}, `);
        this.#qualify(member.initializer, name, known);
      } else {
        this.#edits.replace(start, member.name.end, `$member(${key}, ${before}`);
      }
      this.#edits.insert(member.end, ")");
    });
    const rest = this.#source.slice(node.members.end, node.end);
    if (node.members.hasTrailingComma) this.#edits.blank(node.members.at(-1).end, node.members.end);
    this.#edits.replace(node.members.end + rest.lastIndexOf("}"), node.end,
      ` })(${name} = ${owner ? `${this.#exported(node, owner, name)}` : name} || {}, ($key, $value) => { ${name}[$key] = $value; if (typeof $value === "number") ${name}[$value] = $key; });`);
  }

  #exported = (node, owner, name) => (this.#has(node, Kind.ExportKeyword) ? `${owner}.${name} = ${owner}.${name}` : name);

  #memberName(name) {
    if (name.kind === Kind.ComputedPropertyName) return textOf(name.expression) ?? this.#text(name.expression);
    return textOf(name);
  }

  // Members that an initializer names without their enum.
  #qualify(node, owner, known) {
    if (node.kind === Kind.Identifier && known.has(textOf(node))) this.#edits.insert(this.#start(node), `${owner}.`);
    else if (node.kind === Kind.PropertyAccessExpression) this.#qualify(node.expression, owner, known);
    else forEachChild(node, child => this.#qualify(child, owner, known));
  }

  #namespace(node, scope, owner) {
    const hasValues = inner => inner.kind !== Kind.InterfaceDeclaration && inner.kind !== Kind.TypeAliasDeclaration
      && !(inner.kind === Kind.ModuleDeclaration && !bodyOf(inner).some(hasValues));
    const bodyOf = inner => (inner.body?.kind === Kind.ModuleDeclaration ? [inner.body] : inner.body?.statements ?? []);
    const isType = this.#has(node, Kind.DeclareKeyword) || node.name.kind === Kind.StringLiteral || node.flags & NodeFlags.GlobalAugmentation;
    if (isType || !bodyOf(node).some(hasValues)) return;
    const name = this.#text(node.name);
    const prefix = this.#has(node, Kind.ExportKeyword) && !owner ? "export " : "";
    let head = `${this.#declaration(name, scope, prefix)}(${name} => { `;
    let tail = ` })(${name} = ${owner ? this.#exported(node, owner, name) : name} || {});`;
    let inner = node, last = name;
    while (inner.body.kind === Kind.ModuleDeclaration) {
      inner = inner.body;
      const next = this.#text(inner.name);
      head += `(${next} => { `;
      tail = ` })(${last}.${next} = ${last}.${next} || {});${tail}`;
      last = next;
    }
    const { statements } = inner.body;
    this.#edits.replace(this.#start(node), this.#start(inner.body) + 1, head + this.#liveExports(statements, last));
    this.#statements(statements, inner.body, last);
    this.#edits.replace(inner.body.end - 1, inner.body.end, tail);
  }

  // What a namespace exports are properties that read and write its own variables.
  #liveExports(statements, owner) {
    const names = [];
    const bind = name => {
      if (name.kind === Kind.Identifier) names.push(textOf(name));
      else for (const element of name.elements) if (element.name) bind(element.name);
    };
    for (const statement of statements) {
      if (!this.#has(statement, Kind.ExportKeyword) || this.#has(statement, Kind.DeclareKeyword)) continue;
      const { kind } = statement;
      if (kind === Kind.VariableStatement) statement.declarationList.declarations.forEach(declaration => bind(declaration.name));
      else if (kind === Kind.ImportEqualsDeclaration) names.push(textOf(statement.name));
      else if (kind === Kind.ClassDeclaration || (kind === Kind.FunctionDeclaration && statement.body)) names.push(textOf(statement.name));
      else continue;
      const modifier = statement.modifiers.find(({ kind }) => kind === Kind.ExportKeyword);
      this.#edits.blank(this.#start(modifier), modifier.end);
    }
    const properties = [...new Set(names)].map(name => `${name}: { get: () => ${name}, set: $value => { ${name} = $value; }, enumerable: true, configurable: true }`);
    return properties.length ? `Object.defineProperties(${owner}, { ${properties.join(", ")} }); ` : "";
  }

  #importEquals(node, owner) {
    if (node.isTypeOnly) return;
    const start = this.#start(node), exported = this.#has(node, Kind.ExportKeyword) && !owner;
    const from = node.moduleReference.kind === Kind.ExternalModuleReference ? `require(${this.#text(node.moduleReference.expression)})` : this.#text(node.moduleReference);
    this.#edits.replace(start, node.end, `${exported ? "export " : ""}const ${this.#text(node.name)} = ${from};`);
  }

  // Parameters with a modifier are properties too, set before the rest of the constructor, or after `super(...)`.
  #class(node) {
    for (const member of node.members) {
      if (member.kind !== Kind.Constructor || !member.body) continue;
      const names = [];
      for (const parameter of member.parameters) {
        const modifiers = parameter.modifiers?.filter(({ kind }) => kind !== Kind.Decorator) ?? [];
        if (modifiers.length === 0) continue;
        for (const modifier of modifiers) this.#edits.blank(this.#start(modifier), modifier.end);
        names.push(this.#text(parameter.name));
      }
      if (names.length === 0) continue;
      const isSuper = statement => statement.kind === Kind.ExpressionStatement && statement.expression.kind === Kind.CallExpression && statement.expression.expression.kind === Kind.SuperKeyword;
      const call = member.body.statements.find(isSuper);
      const sets = names.map(name => `this.${name} = ${name};`).join(" ");
      this.#edits.insert(call ? call.end : this.#start(member.body) + 1, call ? `; ${sets}` : ` ${sets}`);
    }
  }
}
