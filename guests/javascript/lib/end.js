// What the shim calls around turns. A head's options: [name, result_bytes, lines].
global("global", globalThis);
hooks.begin = options => {
  // Only what the head says itself counts, whatever a program has put into Object.prototype.
  setPrototypeOf(options, null);
  if (isArray(options.argv)) {
    const argv = ["javascript"];
    for (let at = options.argv[0] === "-c" ? 1 : 0; at < options.argv.length; at++) put(argv, options.argv[at]);
    setProperty(processObject, "argv", argv); // and if it is frozen it stays
  }
  if (isObject(options.env) && isObject(processObject.env)) assignAll(processObject.env, options.env);
  if (options.tools === true) forgetTools();
  if (options.globals === true) bindTools();
  if (options.project === true && typeof options.path0 === "string") forgetModules(options.path0);
  if (typeof options.name === "string" && options.name[0] === "/" && options.name !== mainFile) setMain(options.name);
  return [options.name, options.result_bytes, options.lines === true];
};
hooks.fresh = freshTime;
hooks.finish = () => {
  events.emit("beforeExit", native.exitCode());
  events.emit("exit", native.exitCode());
};
return hooks;
