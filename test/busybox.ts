import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, imageArchive } from "../.ci/image.ts";

const CACHED = join(import.meta.dir, "../dist/busybox.tar");
const FOLDERS = ["bin", "etc", "root", "home", "var", "usr", "proc", "sys", "dev"];

/** The path of `busybox:latest` as a Docker archive, made from Debian's busybox-static. Throws where that is missing. */
export async function busyboxArchive(): Promise<string> {
  const program = Bun.which("busybox");
  if (!program) throw new Error("busybox is missing: apt-get install busybox-static");
  if (existsSync(CACHED) && statSync(CACHED).mtimeMs > statSync(import.meta.path).mtimeMs) return CACHED;
  mkdirSync(join(CACHED, ".."), { recursive: true });
  const part = `${CACHED}.${process.pid}`;
  writeFileSync(
    part,
    await imageArchive({ tag: "busybox:latest", entries: entries(program), config: CONFIG }),
  );
  renameSync(part, CACHED);
  return CACHED;
}

const CONFIG = { Cmd: ["sh"], Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] };

function entries(program: string): Entry[] {
  const applets = Bun.spawnSync([program, "--list"]).stdout.toString().trim().split("\n");
  return [
    ...FOLDERS.map((name) => ({ name: `${name}/`, mode: 0o755 })),
    { name: "tmp/", mode: 0o1777 },
    { name: "bin/busybox", mode: 0o755, content: staticProgram(program) },
    ...applets.filter((name) => name !== "busybox").map((name) => ({ name: `bin/${name}`, link: "busybox" })),
    {
      name: "etc/passwd",
      content: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    },
    { name: "etc/group", content: "root:x:0:\nnogroup:x:65534:\n" },
  ];
}

function staticProgram(path: string): Uint8Array {
  const bytes = readFileSync(path);
  if (bytes.subarray(0, 4096).includes("/ld-"))
    throw new Error(`${path} is not static: apt-get install busybox-static`);
  return bytes;
}
