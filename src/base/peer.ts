/** One end of a two-way byte stream: a hijacked connection, or what a monitor attaches. */
export interface Peer {
  /** What the other side sends; ends when it closes its writing half. To be iterated once. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Resolves when more may be written: the only back-pressure there is. Never throws: a peer that has gone swallows. */
  write(chunk: Uint8Array): Promise<void>;
  /** Closes our writing half; the other side reads end of file. */
  end(): void;
  /** Closes both directions at once. */
  close(): void;
  /** Aborts when the connection is gone in both directions. */
  readonly closed: AbortSignal;
}
