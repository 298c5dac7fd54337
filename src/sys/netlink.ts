import { closeSync } from "node:fs";
import { recv, send, socket } from "../../ffi/libc.ts";
import { check, SyscallError } from "./errors.ts";
import {
  type Message,
  messages,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Received,
  viewOf,
} from "./nlmsg.ts";

export const AF_INET = 2;
export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
/** The kernel's own answers to a dump are at most this large (netlink(7): 32 KiB since Linux 4.9). */
const DATAGRAM = 65536;

/**
 * One kept socket to the kernel. It speaks to the network namespace in which it was opened, from wherever it is used.
 * The kernel answers within send(2), so a call is complete when it returns; nothing waits.
 */
export class Netlink {
  readonly fd: number;
  readonly #buffer = new Uint8Array(DATAGRAM);
  #sequence = 1;

  /** Opens a socket in our own namespace, or takes one that is open elsewhere. Throws SyscallError. */
  constructor(protocol: number, fd?: number) {
    this.fd = fd ?? check("socket", "netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  }

  /** Sends one change and takes its acknowledgement; `what` names it in the error. Throws SyscallError. */
  request(what: string, message: Message): void {
    for (const answer of this.#answers(what, message)) this.#acknowledged(what, answer);
  }

  /** Asks for one thing (with NLM_F_ACK, which ends the answer); undefined when there is none of it (ENOENT, ENODEV). */
  get(what: string, message: Message): Received | undefined {
    let found: Received | undefined;
    try {
      for (const answer of this.#answers(what, message)) {
        if (answer.type === NLMSG_ERROR) this.#acknowledged(what, answer);
        else found = { ...answer, body: answer.body.slice() };
      }
    } catch (error) {
      if (error instanceof SyscallError && (error.code === "ENOENT" || error.code === "ENODEV"))
        return undefined;
      throw error;
    }
    return found;
  }

  /** All entries of a table; bodies are copies. */
  dump(what: string, message: Message): Received[] {
    const found: Received[] = [];
    for (const answer of this.#answers(what, message)) {
      if (answer.type === NLMSG_ERROR) this.#acknowledged(what, answer);
      else if (answer.type !== NLMSG_DONE) found.push({ ...answer, body: answer.body.slice() });
    }
    return found;
  }

  /** The next number for a message of a batch that is sent elsewhere. */
  next(): number {
    this.#sequence = this.#sequence === 0xffffffff ? 1 : this.#sequence + 1;
    return this.#sequence;
  }

  close(): void {
    closeSync(this.fd);
  }

  *#answers(what: string, message: Message): Generator<Received> {
    const sequence = this.next();
    check("send", what, send(this.fd, message.bytes(sequence)));
    for (;;) {
      const size = check("recv", what, recv(this.fd, this.#buffer));
      for (const answer of messages(this.#buffer.subarray(0, size))) {
        if (answer.sequence !== sequence) continue;
        yield answer;
        if (answer.type === NLMSG_DONE || answer.type === NLMSG_ERROR) return;
      }
    }
  }

  #acknowledged(what: string, answer: Received): void {
    if (answer.type !== NLMSG_ERROR) return;
    check("netlink", what, viewOf(answer.body).getInt32(0, true));
  }
}

export const ACK = NLM_F_ACK;
export const DUMP = NLM_F_DUMP;
