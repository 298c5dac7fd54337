import { build } from "../base/build.ts";

export const VERSION: string = build.version;
