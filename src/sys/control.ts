import { MESSAGE, MESSAGE_SIZE, MESSAGE_TYPE } from "../../ffi/plan.ts";
import { SyscallError } from "./errors.ts";
import type { Origin } from "./socket.ts";

/** One message of a monitor (ffi/monitor/plan.h "struct message"). */
export interface Message {
  readonly type: number;
  readonly value: number;
  readonly index: number;
  /** nanoseconds since 1970 */
  readonly time: bigint;
  readonly payload: Uint8Array;
}

/** A control connection to a monitor: what it tells, and requests one after the other. */
export class Control {
  #socket: Bun.Socket | undefined;
  #have = Buffer.alloc(0);
  readonly #started = Promise.withResolvers<Message | undefined>();
  readonly #exited = Promise.withResolvers<Message | undefined>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #asked: PromiseWithResolvers<Message | undefined>[] = [];

  static async connect(origin: Origin): Promise<Control> {
    const control = new Control();
    control.#socket = await Bun.connect({
      ...origin,
      socket: {
        data: (_, chunk) => control.#received(chunk),
        close: () => control.#gone(),
        error: () => control.#gone(),
      },
    } as Bun.UnixSocketOptions<undefined>);
    return control;
  }

  /** STARTED or FAILED; undefined when the monitor went without a word. */
  get started(): Promise<Message | undefined> {
    return this.#started.promise;
  }

  get exited(): Promise<Message | undefined> {
    return this.#exited.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  send(bytes: Uint8Array): void {
    this.#socket?.write(bytes);
  }

  close(): void {
    this.#socket?.end();
  }

  /** Sends a request and waits for its result. Throws SyscallError; does nothing when the monitor has gone. */
  async ask(type: number, value: number, index: number): Promise<void> {
    const bytes = Buffer.alloc(MESSAGE_SIZE);
    bytes.writeUInt32LE(type, MESSAGE.type);
    bytes.writeInt32LE(value, MESSAGE.value);
    bytes.writeUInt32LE(index, MESSAGE.index);
    const answer = Promise.withResolvers<Message | undefined>();
    this.#asked.push(answer);
    this.send(bytes);
    void this.closed.then(() => answer.resolve(undefined));
    const result = await answer.promise;
    if (result && result.value !== 0) throw new SyscallError("monitor", String(type), result.value);
  }

  #received(chunk: Uint8Array): void {
    this.#have = Buffer.concat([this.#have, chunk]);
    while (this.#have.length >= MESSAGE_SIZE) {
      const length = this.#have.readUInt32LE(MESSAGE.length);
      if (this.#have.length < MESSAGE_SIZE + length) return;
      this.#take({
        type: this.#have.readUInt32LE(MESSAGE.type),
        value: this.#have.readInt32LE(MESSAGE.value),
        index: this.#have.readUInt32LE(MESSAGE.index),
        time: this.#have.readBigInt64LE(MESSAGE.time),
        payload: this.#have.subarray(MESSAGE_SIZE, MESSAGE_SIZE + length),
      });
      this.#have = this.#have.subarray(MESSAGE_SIZE + length);
    }
  }

  #take(message: Message): void {
    if (message.type === MESSAGE_TYPE.EXITED) this.#exited.resolve(message);
    else if (message.type === MESSAGE_TYPE.RESULT) this.#asked.shift()?.resolve(message);
    else this.#started.resolve(message);
  }

  #gone(): void {
    this.#started.resolve(undefined);
    this.#exited.resolve(undefined);
    this.#closed.resolve();
  }
}
