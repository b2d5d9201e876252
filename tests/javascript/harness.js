// same: one value. alike: the same JSON. throws: an error of this class. test: names what holds.
globalThis.same = (a, b) => { if (!Object.is(a, b)) throw new Error(`${String(a)} is not ${String(b)}`); };
globalThis.alike = (a, b) => same(JSON.stringify(a), JSON.stringify(b));
globalThis.throws = (Class, run) => {
  try { run(); } catch (error) { if (error instanceof Class) return error; throw new Error(`${error} is no ${Class.name}`); }
  throw new Error(`no ${Class.name} was thrown`);
};
globalThis.rejects = async (Class, run) => {
  try { await run(); } catch (error) { if (error instanceof Class) return error; throw new Error(`${error} is no ${Class.name}`); }
  throw new Error(`it did not reject with ${Class.name}`);
};
globalThis.failures = [];
globalThis.count = 0;
globalThis.test = (name, run) => {
  count++;
  const failed = error => { failures.push(name); console.error(`FAILED ${name}: ${error?.stack ?? error}`, String(error)); process.exitCode = 1; };
  try { const made = run(); if (made instanceof Promise) return made.catch(failed); } catch (error) { failed(error); }
};
