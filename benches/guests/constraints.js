// One-way constraints kept in order by strength, in the manner of DeltaBlue: plans are made anew whenever an edit
// constraint comes or goes. Polymorphic calls, arrays, walks over graphs. It checks its own answers.
const [REQUIRED, STRONG, NORMAL, WEAK] = [0, 1, 2, 3];
class Variable {
  constructor(value) { this.value = value; this.users = []; this.by = null; this.strength = WEAK + 1; this.mark = 0; this.stays = true; }
}
class Constraint {
  constructor(strength) { this.strength = strength; this.out = null; }
  add(planner) { for (const variable of this.variables()) variable.users.push(this); planner.insert(this); return this; }
  remove(planner) {
    const out = this.out;
    for (const variable of this.variables()) variable.users.splice(variable.users.indexOf(this), 1);
    this.out = null;
    if (out !== null) planner.withdraw(out);
  }
}
class Stay extends Constraint {
  constructor(variable, strength, isInput = false) { super(strength); this.variable = variable; this.isInput = isInput; }
  variables() { return [this.variable]; }
  choose() { return this.variable.strength > this.strength ? this.variable : null; }
  ready() { return true; }
  walkabout() { return this.strength; }
  execute() {}
}
class Scale extends Constraint {
  constructor(source, factor, offset, target, strength) { super(strength); Object.assign(this, { source, factor, offset, target }); }
  variables() { return [this.source, this.target, this.factor, this.offset]; }
  choose(mark) {
    if (this.source.mark === mark) return this.target.mark !== mark && this.target.strength > this.strength ? this.target : null;
    if (this.target.mark === mark) return this.source.strength > this.strength ? this.source : null;
    const weaker = this.source.strength > this.target.strength ? this.source : this.target;
    return weaker.strength > this.strength ? weaker : null;
  }
  inputs() { return this.out === this.target ? this.source : this.target; }
  ready(mark) { const input = this.inputs(); return input.mark === mark || input.stays || input.by === null; }
  walkabout() { return Math.max(this.strength, this.inputs().strength); }
  execute() {
    if (this.out === this.target) this.target.value = this.source.value * this.factor.value + this.offset.value;
    else this.source.value = (this.target.value - this.offset.value) / this.factor.value;
  }
}
class Equal extends Constraint {
  constructor(first, second, strength) { super(strength); this.first = first; this.second = second; }
  variables() { return [this.first, this.second]; }
  choose(mark) {
    if (this.first.mark === mark) return this.second.mark !== mark && this.second.strength > this.strength ? this.second : null;
    if (this.second.mark === mark) return this.first.strength > this.strength ? this.first : null;
    const weaker = this.first.strength > this.second.strength ? this.first : this.second;
    return weaker.strength > this.strength ? weaker : null;
  }
  inputs() { return this.out === this.second ? this.first : this.second; }
  ready(mark) { const input = this.inputs(); return input.mark === mark || input.stays || input.by === null; }
  walkabout() { return Math.max(this.strength, this.inputs().strength); }
  execute() { if (this.out === this.second) this.second.value = this.first.value; else this.first.value = this.second.value; }
}
class Planner {
  mark = 0;
  insert(constraint) {
    const mark = ++this.mark;
    for (let next = constraint; next !== null;) next = this.satisfy(next, mark);
  }
  satisfy(constraint, mark) {
    const out = constraint.choose(mark);
    if (out === null) return null;
    constraint.out = out;
    for (const variable of constraint.variables()) if (variable !== out) variable.mark = mark;
    const displaced = out.by;
    if (displaced !== null) displaced.out = null;
    out.by = constraint;
    this.spread(out, mark);
    out.mark = mark;
    return displaced;
  }
  spread(variable, mark) {
    const todo = [variable.by], seen = new Set();
    while (todo.length > 0) {
      const constraint = todo.pop();
      if (seen.has(constraint)) continue;
      seen.add(constraint);
      const out = constraint.out;
      out.strength = constraint.walkabout();
      out.stays = !constraint.isInput && (constraint.inputs === undefined || constraint.inputs().stays);
      constraint.execute();
      for (const user of out.users) if (user.out !== null && user.out !== out) todo.push(user);
    }
  }
  withdraw(out) {
    const loose = [], todo = [out];
    out.by = null;
    out.strength = WEAK + 1;
    out.stays = true;
    while (todo.length > 0) {
      const variable = todo.pop();
      for (const user of variable.users) {
        if (user.out === null) loose.push(user);
        else if (user.out !== variable) { user.out.strength = user.walkabout(); user.out.stays = user.inputs === undefined || user.inputs().stays; todo.push(user.out); }
      }
    }
    loose.sort((a, b) => a.strength - b.strength);
    for (const constraint of loose) if (constraint.out === null) this.insert(constraint);
  }
  plan(edits) {
    const mark = ++this.mark, plan = [], todo = edits.filter(edit => edit.out !== null);
    while (todo.length > 0) {
      const constraint = todo.pop();
      if (constraint.out.mark === mark || !constraint.ready(mark)) continue;
      plan.push(constraint);
      constraint.out.mark = mark;
      for (const user of constraint.out.users) if (user !== constraint.out.by && user.out !== null) todo.push(user);
    }
    return plan;
  }
}
function change(planner, variable, value, rounds) {
  const edit = new Stay(variable, STRONG, true).add(planner), plan = planner.plan([edit]);
  for (let at = 0; at < rounds; at++) { variable.value = value; for (const constraint of plan) constraint.execute(); }
  edit.remove(planner);
}
function chain(length) {
  const planner = new Planner(), variables = Array.from({ length: length + 1 }, () => new Variable(0));
  for (let at = 0; at < length; at++) new Equal(variables[at], variables[at + 1], REQUIRED).add(planner);
  new Stay(variables[length], NORMAL).add(planner);
  for (let value = 0; value < 20; value++) {
    change(planner, variables[0], value, 1);
    if (variables[length].value !== value) throw new Error(`the chain gives ${variables[length].value} for ${value}`);
  }
  return planner.mark;
}
function projection(length) {
  const planner = new Planner(), factor = new Variable(10), offset = new Variable(1000), sources = [], targets = [];
  for (let at = 0; at < length; at++) {
    sources.push(new Variable(at));
    targets.push(new Variable(at));
    new Stay(sources[at], NORMAL).add(planner);
    new Scale(sources[at], factor, offset, targets[at], REQUIRED).add(planner);
  }
  change(planner, sources[0], 17, 10);
  if (targets[0].value !== 1170) throw new Error(`the target is ${targets[0].value}`);
  change(planner, targets[0], 1050, 10);
  if (sources[0].value !== 5) throw new Error(`the source is ${sources[0].value}`);
  change(planner, factor, 5, 10);
  for (let at = 1; at < length; at++) if (targets[at].value !== at * 5 + 1000) throw new Error(`target ${at} is ${targets[at].value}`);
  return planner.mark;
}
let marks = 0;
for (let round = 0; round < 6; round++) marks += chain(60) + projection(120);
marks
