/** Netlink messages as bytes: built and read here, sent by `netlink.ts` and `iptables.ts`. Source: netlink(7), linux/netlink.h. */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const HEADER = 16;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

const align = (size: number): number => (size + 3) & ~3;

/** A growing message: header, the family's own struct, attributes. Numbers are in the machine's order (little) unless `be`. */
export class Message {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #size = HEADER;

  constructor(type: number, flags: number) {
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, flags | NLM_F_REQUEST, true);
  }

  /** The family's header behind the message's own: bytes as the C struct has them. */
  struct(bytes: Uint8Array): this {
    const at = this.#take(align(bytes.length));
    this.#bytes.set(bytes, at);
    return this;
  }

  raw(type: number, payload: Uint8Array): this {
    const at = this.#attribute(type, payload.length);
    this.#bytes.set(payload, at);
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.#attribute(type, 1);
    this.#view.setUint8(at, value);
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  be32(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#view.setInt32(at, value, false);
    return this;
  }

  be64(type: number, value: bigint): this {
    const at = this.#attribute(type, 8);
    this.#view.setBigUint64(at, value, false);
    return this;
  }

  /** A string with its terminating NUL. */
  text(type: number, value: string): this {
    return this.raw(type, Buffer.from(`${value}\0`));
  }

  /** Attributes within an attribute. */
  nest(type: number, body: (message: this) => void): this {
    const at = this.#take(4);
    this.#view.setUint16(at + 2, type | NLA_F_NESTED, true);
    body(this);
    this.#view.setUint16(at, this.#size - at, true);
    return this;
  }

  /** The finished bytes under a sequence number. */
  bytes(sequence: number): Uint8Array {
    this.#view.setUint32(0, this.#size, true);
    this.#view.setUint32(8, sequence, true);
    return this.#bytes.subarray(0, this.#size);
  }

  #attribute(type: number, size: number): number {
    const at = this.#take(align(4 + size));
    this.#view.setUint16(at, 4 + size, true);
    this.#view.setUint16(at + 2, type, true);
    return at + 4;
  }

  #take(size: number): number {
    const at = this.#size;
    this.#size += size;
    if (this.#size > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}

/** One message as it was received; `body` is what stands behind its header. */
export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** The messages of one datagram. */
export function* messages(datagram: Uint8Array): Generator<Received> {
  const view = viewOf(datagram);
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const size = view.getUint32(at, true);
    if (size < HEADER || at + size > datagram.length) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: datagram.subarray(at + HEADER, at + size),
    };
    at += align(size);
  }
}

/** The attributes that begin at `offset`; of two with the same type the last counts. */
export function attributes(body: Uint8Array, offset = 0): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (const { type, payload } of list(body, offset)) found.set(type, payload);
  return found;
}

/** Attributes in order, for lists whose elements bear the same type. */
export function* list(body: Uint8Array, offset = 0): Generator<{ type: number; payload: Uint8Array }> {
  const view = viewOf(body);
  for (let at = offset; at + 4 <= body.length; ) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > body.length) return;
    yield { type: view.getUint16(at + 2, true) & NLA_TYPE_MASK, payload: body.subarray(at + 4, at + size) };
    at += align(size);
  }
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A NUL-terminated string. */
export const textOf = (payload: Uint8Array | undefined): string =>
  payload ? Buffer.from(payload).toString("utf8").replace(/\0.*$/s, "") : "";

export const u32Of = (payload: Uint8Array | undefined): number =>
  payload && payload.length >= 4 ? viewOf(payload).getUint32(0, true) : 0;
