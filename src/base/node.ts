/**
 * Node's modules, loaded on their first use: `node:fs` alone costs a command line 1.2 ms of its start, `node:path` 0.3,
 * and most commands need neither before the engine has answered. For what runs in every command; others import them.
 */
export const fs = (): typeof import("node:fs") => process.getBuiltinModule("node:fs");
export const path = (): typeof import("node:path") => process.getBuiltinModule("node:path");
