import type { ContainerCreateBody } from "../api/container_config.ts";
import {
  type ContainerSummary,
  containerAttach,
  containerCreate,
  containerList,
  containerLogs,
  containerRemove,
  containerStart,
  containerWait,
  execCreate,
  execInspect,
  execStart,
} from "../api/containers.ts";
import type { Endpoint } from "../api/endpoint.ts";
import { imageCreate, type Progress } from "../api/images.ts";
import { type EventMessage, events } from "../api/system.ts";
import { type Client, ResponseError } from "./client.ts";
import { textLines } from "./lines.ts";
import { feed, gather, type Input, type Piece, pieces } from "./streams.ts";

export interface RunOptions {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** `/host:/container[:ro]` or `volume:/container` */
  readonly volumes?: readonly string[];
  /** Container port to host port: `{ "80/tcp": 8080 }`; 0 is any free one. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly network?: string;
  /** Written to standard input, which ends behind it. */
  readonly input?: Input;
  /** Everything else, in the API's words; laid over the above. */
  readonly config?: ContainerCreateBody;
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs: its output as it comes, then its exit code. */
export interface Running {
  readonly id: string;
  readonly output: AsyncGenerator<Piece>;
  readonly code: Promise<number>;
}

/** A container that runs in the background; leaving its `await using` scope removes it. */
export interface Started extends AsyncDisposable {
  readonly id: string;
}

export interface LogOptions {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly timestamps?: boolean;
}

/** An engine, for programs. What has no method of its own goes through `call`. */
export class Bunker {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Any endpoint of `bunker/api`: typed by the endpoint. */
  call<I, O>(endpoint: Endpoint<I, O>, input: NoInfer<I>): Promise<O> {
    return this.#client.call(endpoint, input);
  }

  /** Runs a command in a new container to its end and removes the container. Pulls a missing image. */
  async run(image: string, command: readonly string[] = [], options: RunOptions = {}): Promise<Result> {
    const { output, code } = await this.stream(image, command, options);
    const text = await gather(output);
    return { code: await code, ...text };
  }

  /** As `run`, with the output as it is written. The container is removed when it ends. */
  async stream(image: string, command: readonly string[] = [], options: RunOptions = {}): Promise<Running> {
    const id = await this.#create(bodyOf(image, command, options, true), options.name);
    const stdin = options.input !== undefined;
    const streams = { stream: true, stdin, stdout: true, stderr: true };
    const [duplex, wait] = await Promise.all([
      this.#client.hijack(containerAttach, { name: id, ...streams }),
      this.#client.call(containerWait, { name: id, condition: "removed" }),
    ]);
    await this.#client.call(containerStart, { name: id });
    if (options.input !== undefined) feed(duplex, options.input).catch(() => duplex.close());
    const framed = options.config?.Tty !== true;
    return { id, output: pieces(duplex.input, framed), code: wait.later.then((answer) => answer.StatusCode) };
  }

  /** Starts a container in the background. */
  async start(image: string, command: readonly string[] = [], options: RunOptions = {}): Promise<Started> {
    const id = await this.#create(bodyOf(image, command, options, false), options.name);
    const remove = async () => {
      await this.#client.call(containerRemove, { name: id, force: true, volumes: true });
    };
    try {
      await this.#client.call(containerStart, { name: id });
    } catch (error) {
      await remove();
      throw error;
    }
    return { id, [Symbol.asyncDispose]: remove };
  }

  /** Runs a command in a running container to its end. */
  async exec(
    container: string,
    command: readonly string[],
    options: Pick<RunOptions, "env" | "workdir" | "user" | "input"> = {},
  ): Promise<Result> {
    const { Id: id } = await this.#client.call(execCreate, {
      name: container,
      body: {
        Cmd: [...command],
        Env: pairs(options.env),
        WorkingDir: options.workdir,
        User: options.user,
        AttachStdin: options.input !== undefined,
        AttachStdout: true,
        AttachStderr: true,
      },
    });
    const duplex = await this.#client.hijack(execStart, { id, body: {} });
    if (options.input !== undefined) feed(duplex, options.input).catch(() => duplex.close());
    const text = await gather(pieces(duplex.input, true));
    duplex.close();
    return { code: (await this.#client.call(execInspect, { id })).ExitCode ?? 0, ...text };
  }

  /** The lines of a container's log, both streams; with `follow` until it ends. */
  async *logs(container: string, { follow, tail, timestamps }: LogOptions = {}): AsyncGenerator<string> {
    const { contentType, chunks } = await this.#client.call(containerLogs, {
      name: container,
      stdout: true,
      stderr: true,
      follow,
      timestamps,
      tail: tail === undefined ? undefined : String(tail),
    });
    const found = pieces(chunks, contentType.includes("multiplexed"));
    yield* textLines(bytesOf(found));
  }

  /** Fetches an image; `progress` sees each line of the engine's report. */
  async pull(image: string, progress: (line: Progress) => void = () => {}): Promise<void> {
    const colon = image.indexOf(":", image.lastIndexOf("/") + 1);
    const at = image.indexOf("@");
    const cut = at >= 0 ? at : colon;
    const lines = await this.#client.call(imageCreate, {
      fromImage: cut < 0 ? image : image.slice(0, cut),
      tag: cut < 0 ? "latest" : image.slice(cut + 1),
      body: nothing(),
    });
    for await (const line of lines) {
      if (line.error) throw new Error(line.errorDetail?.message ?? line.error);
      progress(line);
    }
  }

  /** The running containers; with `all` every one. */
  containers({ all }: { all?: boolean } = {}): Promise<ContainerSummary[]> {
    return this.#client.call(containerList, { all });
  }

  /** What happens, as it happens. `filters` as Docker has them: `{ type: ["container"], event: ["die"] }`. */
  async *events(filters: Readonly<Record<string, readonly string[]>> = {}): AsyncGenerator<EventMessage> {
    yield* await this.#client.call(events, { filters: JSON.stringify(filters) });
  }

  /** Closes the connections that are kept. */
  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #create(body: ContainerCreateBody, name: string | undefined): Promise<string> {
    try {
      return (await this.#client.call(containerCreate, { name, body })).Id;
    } catch (error) {
      const missing = error instanceof ResponseError && /^No such image/.test(error.message);
      if (!missing) throw error;
      await this.pull(body.Image!);
      return (await this.#client.call(containerCreate, { name, body })).Id;
    }
  }
}

const pairs = (record: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries(record).map(([name, value]) => `${name}=${value}`);

function bodyOf(
  image: string,
  command: readonly string[],
  options: RunOptions,
  attached: boolean,
): ContainerCreateBody {
  const { ports = {}, config, input } = options;
  const names = Object.keys(ports).map((port) => (port.includes("/") ? port : `${port}/tcp`));
  const hostPorts = Object.values(ports).map((port) => [{ HostPort: String(port) }]);
  const stdin = input !== undefined;
  return {
    Image: image,
    Cmd: command.length > 0 ? [...command] : undefined,
    Env: pairs(options.env),
    WorkingDir: options.workdir,
    User: options.user,
    Hostname: options.hostname,
    Labels: { ...options.labels },
    ExposedPorts: Object.fromEntries(names.map((name) => [name, {}])),
    AttachStdin: stdin,
    OpenStdin: stdin,
    StdinOnce: stdin,
    AttachStdout: attached,
    AttachStderr: attached,
    ...config,
    HostConfig: {
      AutoRemove: attached,
      Binds: [...(options.volumes ?? [])],
      NetworkMode: options.network,
      PortBindings: Object.fromEntries(names.map((name, index) => [name, hostPorts[index]!])),
      ...config?.HostConfig,
    },
  };
}

async function* bytesOf(found: AsyncIterable<Piece>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of found) yield bytes;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
