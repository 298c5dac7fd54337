import type { ContainerInspect } from "../../src/api/containers.ts";
import type { Hijack } from "../../src/api/endpoint.ts";
import { fetchStyle } from "../../src/server/fetch.ts";
import type { Call } from "../../src/server/router.ts";
import type { FakeProcess } from "./drivers.ts";
import { FakeEngine } from "./engine.ts";
import { peerPair } from "./peers.ts";

export interface Answer<T> {
  status: number;
  body: T;
}

/** A caller of a fake engine's HTTP face, without a socket. */
export class FakeClient implements AsyncDisposable {
  readonly engine: FakeEngine;
  #count = 0;

  private constructor(engine: FakeEngine) {
    this.engine = engine;
  }

  static async start(): Promise<FakeClient> {
    return new FakeClient(await FakeEngine.start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
  }

  async call<T = { message: string }>(method: string, path: string, body?: object): Promise<Answer<T>> {
    const text = body === undefined ? null : JSON.stringify(body);
    const headers = new Headers();
    if (text !== null) {
      headers.set("Content-Type", "application/json");
      headers.set("Content-Length", String(text.length));
    }
    const request = new Request(`http://engine/v1.51${path}`, { method, headers, body: text });
    const response = await fetchStyle(this.engine.router)(request);
    const answer = await response.text();
    return { status: response.status, body: (/^[{[]|^null/.test(answer) ? JSON.parse(answer) : answer) as T };
  }

  /** A request whose connection becomes a stream; the client's end of it. */
  async hijack(path: string, body?: object) {
    const text = Buffer.from(body === undefined ? "" : JSON.stringify(body));
    const headers: Record<string, string> = {
      "content-type": "application/json",
      "content-length": String(text.length),
    };
    const call: Call = {
      method: "POST",
      target: `/v1.51${path}`,
      header: (name) => headers[name],
      body: (async function* () {
        if (text.length > 0) yield text;
      })(),
      signal: new AbortController().signal,
    };
    const reply = await this.engine.router(call);
    const [client, far] = peerPair();
    const done = (reply.hijack as Hijack | undefined)?.run(far).finally(() => far.end());
    const rest = async () => {
      let got = "";
      for await (const chunk of client.input) got += Buffer.from(chunk).toString("latin1");
      return got;
    };
    return { reply, client, done, rest };
  }

  /** Creates a container of `busybox`; its name. */
  async make(body: object = {}, name = `c${++this.#count}x`): Promise<string> {
    const made = await this.call("POST", `/containers/create?name=${name}`, { Image: "busybox", ...body });
    if (made.status !== 201) throw new Error(made.body.message);
    return name;
  }

  async inspect(name: string): Promise<ContainerInspect> {
    return (await this.call<ContainerInspect>("GET", `/containers/${name}/json`)).body;
  }

  process(name: string): FakeProcess {
    return this.engine.modules.containers.get(name).process as FakeProcess;
  }

  /** Resolves when the container is in that state. */
  async reach(name: string, status: string): Promise<ContainerInspect> {
    for (let tries = 0; tries < 400; tries++) {
      const shown = await this.inspect(name);
      if (shown.State.Status === status) return shown;
      await Bun.sleep(1);
    }
    throw new Error(`${name} is not ${status}`);
  }
}
