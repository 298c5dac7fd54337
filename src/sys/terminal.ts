import * as libc from "../../ffi/libc.ts";
import { check } from "./errors.ts";

/** sizeof(struct termios) in glibc, on every architecture that Bun has. */
const TERMIOS = 60;
const TCSADRAIN = 1;

/**
 * Takes the terminal `fd` out of all translation, of output too (cfmakeraw(3); Node's raw mode keeps `\n` to `\r\n`,
 * which garbles programs that move the cursor by `\n`). The returned function puts it back as it was.
 * Throws SyscallError: ENOTTY.
 */
export function makeRaw(fd: number): () => void {
  const before = new Uint8Array(TERMIOS);
  check("tcgetattr", String(fd), libc.tcgetattr(fd, before));
  const raw = before.slice();
  libc.cfmakeraw(raw);
  check("tcsetattr", String(fd), libc.tcsetattr(fd, TCSADRAIN, raw));
  return () => void libc.tcsetattr(fd, TCSADRAIN, before);
}
