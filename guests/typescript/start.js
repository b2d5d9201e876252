// What is run in the guest's second realm: TypeScript's scanner and parser, ts-blank-space, and the files beside this one.
// Its value is the function `translate`.
(() => {
"use strict";
// What the part of TypeScript's one large file that follows expects before it.
const __export = (target, all) => {
  for (const name in all) Object.defineProperty(target, name, { get: all[name], enumerable: true });
};
