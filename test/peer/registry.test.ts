import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Distribution } from "../../src/distribution/pull.ts";
import { loadImages } from "../../src/image/tarball.ts";
import { parseReference } from "../../src/reference/reference.ts";
import { dockerArchive, fakeImage } from "../fake/image.ts";
import { Stores } from "../fake/stores.ts";
import { inPieces } from "../fake/tar.ts";

/** Debian's docker-registry and skopeo, where they are installed: what others write, we read. */
const registryProgram = Bun.which("docker-registry");
const skopeoProgram = Bun.which("skopeo");
const missing = registryProgram ? (skopeoProgram ? undefined : "skopeo") : "docker-registry";
const place = mkdtempSync(join(tmpdir(), "bk-peer-"));
const USER = "someone";
const PASSWORD = "a-password";

interface Registry {
  readonly host: string;
  readonly process: Bun.Subprocess;
}

let open: Registry;
let guarded: Registry;
let image: Awaited<ReturnType<typeof fakeImage>>;
let archive: string;

async function start(name: string, auth: string): Promise<Registry> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const host = `127.0.0.1:${probe.port}`;
  probe.stop(true);
  const config = join(place, `${name}.yml`);
  const storage = `storage: {filesystem: {rootdirectory: ${join(place, name)}}}`;
  writeFileSync(config, `version: 0.1\nlog: {level: error}\n${storage}\nhttp: {addr: "${host}"}\n${auth}`);
  const process = Bun.spawn([registryProgram!, "serve", config], { stdio: ["ignore", "ignore", "ignore"] });
  for (const end = Date.now() + 10_000; ; await Bun.sleep(20)) {
    if (await fetch(`http://${host}/v2/`).catch(() => undefined)) return { host, process };
    if (Date.now() > end) throw new Error("docker-registry does not answer");
  }
}

async function skopeo(...args: string[]): Promise<void> {
  const run = Bun.spawn([skopeoProgram!, "copy", "-q", "--insecure-policy", ...args], {
    stdout: "ignore",
    stderr: "pipe",
  });
  if ((await run.exited) !== 0) throw new Error(`skopeo: ${await new Response(run.stderr).text()}`);
}

const distributionOf = ({ images, layers, references, log }: Stores) =>
  new Distribution({ images, layers, references, log });

const pull = (stores: Stores, name: string, auth?: { username: string; password: string }) =>
  distributionOf(stores).pull(parseReference(name), {
    auth,
    signal: new AbortController().signal,
    progress: () => {},
  });

describe.skipIf(missing !== undefined)(`registry peers${missing ? ` (skipped: no ${missing})` : ""}`, () => {
  beforeAll(async () => {
    const hash = await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost: 4 });
    const users = join(place, "htpasswd");
    writeFileSync(users, `${USER}:${hash.replace(/^\$2b\$/, "$2y$")}\n`);
    open = await start("open", "");
    guarded = await start("guarded", `auth: {htpasswd: {realm: peers, path: ${users}}}`);
    image = await fakeImage([
      [
        { name: "a", content: "x".repeat(100_000) },
        { name: "d/", type: "directory", mode: 0o1777 },
      ],
      [{ name: ".wh.a" }, { name: "b", content: "new" }],
    ]);
    archive = join(place, "image.tar");
    writeFileSync(archive, await dockerArchive(image, ["peer:1"]));
  });

  afterAll(async () => {
    for (const registry of [open, guarded]) {
      registry?.process.kill();
      await registry?.process.exited;
    }
    rmSync(place, { recursive: true, force: true });
  });

  test.each([
    ["schema 2, gzip", ["--format", "v2s2"]],
    ["OCI, gzip", ["--format", "oci"]],
    ["OCI, zstd", ["--format", "oci", "--dest-compress-format", "zstd"]],
  ])("what skopeo pushed as %s is pulled, with the same diff ids", async (kind, format) => {
    await using stores = new Stores();
    const name = `${open.host}/peers/${kind.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}:v1`;
    await skopeo("--dest-tls-verify=false", ...format, `docker-archive:${archive}`, `docker://${name}`);
    const { image: pulled } = await pull(stores, name);
    const original = JSON.parse(Buffer.from(image.config).toString());
    expect(pulled.config.rootfs.diff_ids).toEqual(original.rootfs.diff_ids);
    expect(stores.images.size(pulled.id)).toBe(100_003);
  });

  test("a registry with users wants the right password", async () => {
    await using stores = new Stores();
    const name = `${guarded.host}/private/x:1`;
    await skopeo(
      "--dest-tls-verify=false",
      `--dest-creds=${USER}:${PASSWORD}`,
      `docker-archive:${archive}`,
      `docker://${name}`,
    );
    await expect(pull(stores, name)).rejects.toThrow("no basic auth credentials");
    await expect(pull(stores, name, { username: USER, password: "wrong" })).rejects.toThrow(
      "pull access denied",
    );
    expect((await pull(stores, name, { username: USER, password: PASSWORD })).newer).toBe(true);
  });

  test("what is not there is not found in Docker's words", async () => {
    await using stores = new Stores();
    const name = `${open.host}/no/such:1`;
    await expect(pull(stores, name)).rejects.toThrow(
      `manifest for ${name} not found: manifest unknown: manifest unknown`,
    );
  });

  test.each(["docker-archive", "oci-archive"])("what skopeo wrote as %s is loaded", async (transport) => {
    await using stores = new Stores();
    const file = join(place, `${transport}.tar`);
    await skopeo(`docker-archive:${archive}`, `${transport}:${file}:example.org/made/by:skopeo`);
    const names: string[] = [];
    const [loaded] = await loadImages(inPieces(await Bun.file(file).bytes(), 65_536), {
      images: stores.images,
      layers: stores.layers,
      named: (_, given) => void names.push(...given),
    });
    expect(names).toEqual(["example.org/made/by:skopeo"]);
    expect(stores.images.size(loaded!.id)).toBe(100_003);
  });
});
