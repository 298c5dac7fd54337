/** What the executable carries that others may have: only this folder imports ffi. */
export { helloImage } from "../../ffi/embed.ts";
