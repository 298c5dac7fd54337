import { z } from "../../ffi/libc.ts";
import { shim } from "../../ffi/shim.ts";
import { check } from "./errors.ts";

const INSTRUCTION_BYTES = 8;

/**
 * Devices beneath the cgroup v2 `directory` are from now on what `program` (struct bpf_insn[]) answers. Needs CAP_BPF or
 * CAP_SYS_ADMIN. bpf(2). Throws SyscallError: EINVAL when the verifier refuses the program.
 */
export function attachDeviceProgram(directory: string, program: Uint8Array): void {
  const rc = shim().bk_cgroup_devices(z(directory), program, program.length / INSTRUCTION_BYTES);
  check("bpf", directory, rc);
}
