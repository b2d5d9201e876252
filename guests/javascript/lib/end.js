// What the shim calls around turns. A head's options: [name, result_bytes].
global("global", globalThis);
hooks.begin = options => {
  if (isArray(options.argv)) processObject.argv = ["javascript", ...options.argv.slice(options.argv[0] === "-c" ? 1 : 0)];
  if (isObject(options.env)) Object.assign(processObject.env, options.env);
  if (isArray(options.globals)) for (const name of options.globals) if (!hasOwn(globalThis, name)) global(name, tools[name]);
  if (typeof options.name === "string" && options.name.startsWith("/") && options.name !== mainFile) setMain(options.name);
  return [options.name, options.result_bytes];
};
hooks.fresh = freshTime;
hooks.finish = () => {
  events.emit("beforeExit", native.exitCode());
  events.emit("exit", native.exitCode());
};
return hooks;
