/**
 * What holds a published port on the host, so that no other process takes it, and serves what the kernel's DNAT does
 * not: IPv6 addresses of the host, and everything where there are no rules. Docker starts a docker-proxy for each.
 */
export interface HeldPort {
  close(): void;
}

export interface HoldRequest {
  readonly proto: "tcp" | "udp";
  readonly hostIp: string;
  readonly hostPort: number;
  /** Where connections go; none: the port is only held. */
  readonly to?: { readonly address: string; readonly port: number };
  /** The kernel is about to lead this port: see DEAF. */
  readonly led?: boolean;
}

/** LIBUS_SOCKET_IPV6_ONLY: `Bun.udpSocket` passes it through, though its types do not know it. */
const UDP_IPV6_ONLY = 8;
/** A UDP client that was silent for so long is forgotten, as by docker-proxy. milliseconds */
const UDP_SILENCE = 90_000;

/**
 * Datagrams that came before the kernel's rule are dropped: an answer by the proxy would be remembered as a flow of its
 * own, which the client's next datagrams belong to, and they would never be led. milliseconds
 */
const DEAF = 50;

/** Takes the port. Throws an error whose `code` is EADDRINUSE, EADDRNOTAVAIL or EACCES when it cannot be had. */
export const holdPort = (request: HoldRequest): HeldPort =>
  request.proto === "tcp" ? tcp(request) : udp(request);

/** Bytes that the other side has not taken yet. */
interface Half {
  other?: Bun.Socket<Half>;
  unsent: Uint8Array[];
  /** Nothing comes after `unsent`. */
  ended: boolean;
  /** Nobody is left on the other side to answer to. */
  alone: boolean;
}

const newHalf = (): Half => ({ unsent: [], ended: false, alone: false });

/** Sends what waits for this socket; when all is gone its source may go on. */
function flush(socket: Bun.Socket<Half>): void {
  const { data: half } = socket;
  while (half.unsent.length > 0) {
    const chunk = half.unsent[0]!;
    const sent = socket.write(chunk);
    if (sent < 0) {
      socket.terminate();
      return;
    }
    if (sent < chunk.length) {
      half.unsent[0] = chunk.subarray(sent);
      return;
    }
    half.unsent.shift();
  }
  if (half.alone) socket.end();
  else if (half.ended) socket.shutdown();
  else half.other?.resume();
}

const relay: Bun.SocketHandler<Half> = {
  data(socket, chunk) {
    const { other } = socket.data;
    if (!other) return;
    other.data.unsent.push(new Uint8Array(chunk));
    flush(other);
    if (other.data.unsent.length > 0) socket.pause();
  },
  drain: flush,
  end(socket) {
    const { other } = socket.data;
    if (!other) return void socket.end();
    other.data.ended = true;
    flush(other);
  },
  close(socket, error) {
    const { other } = socket.data;
    if (!other) return;
    if (error) {
      other.terminate();
      return;
    }
    other.data.alone = true;
    flush(other);
  },
  error(socket) {
    socket.terminate();
  },
};

function tcp({ hostIp, hostPort, to }: HoldRequest): HeldPort {
  const listener = Bun.listen<Half>({
    hostname: hostIp,
    port: hostPort,
    ...{ ipv6Only: hostIp.includes(":") }, // known to Bun, not to its types
    allowHalfOpen: true,
    socket: {
      ...relay,
      open(client) {
        client.data = newHalf();
        if (!to) return client.terminate();
        client.pause();
        void reach(client, to);
      },
    },
  });
  listener.unref();
  return { close: () => listener.stop(true) };
}

async function reach(client: Bun.Socket<Half>, to: { address: string; port: number }): Promise<void> {
  try {
    const server = await Bun.connect<Half>({
      hostname: to.address,
      port: to.port,
      allowHalfOpen: true,
      data: { ...newHalf(), other: client },
      socket: relay,
    });
    client.data.other = server;
    if (client.readyState <= 0) return server.terminate();
    client.resume();
  } catch {
    client.terminate();
  }
}

interface Client {
  readonly socket: Bun.udp.ConnectedSocket<"buffer">;
  timer: Timer;
}

function udp({ hostIp, hostPort, to, led }: HoldRequest): HeldPort {
  let deaf = led === true;
  const hear = (): void => {
    deaf = false;
  };
  // counted from after the turn in which the firewall forgets the flows that were there before its rule
  if (deaf) setImmediate(() => setImmediate(() => setTimeout(hear, DEAF).unref()));
  const clients = new Map<string, Promise<Client>>();
  const forget = (name: string): void => {
    const client = clients.get(name);
    clients.delete(name);
    client?.then(
      ({ socket, timer }) => {
        clearTimeout(timer);
        socket.close();
      },
      () => {},
    );
  };
  const listening = Bun.udpSocket({
    hostname: hostIp,
    port: hostPort,
    ...{ flags: hostIp.includes(":") ? UDP_IPV6_ONLY : 0 },
    socket: {
      data(front, datagram, port, address) {
        if (!to || deaf) return;
        const name = `${address} ${port}`;
        if (!clients.has(name))
          clients.set(
            name,
            answering(front, { address, port }, to, () => forget(name)),
          );
        clients.get(name)!.then(
          (client) => {
            client.timer.refresh();
            client.socket.send(datagram);
          },
          () => forget(name),
        );
      },
      error() {},
    },
  });
  let bound: Bun.udp.Socket<"buffer"> | undefined;
  let closed = false;
  void listening.then((socket) => {
    bound = socket;
    socket.unref();
    if (closed) socket.close();
  });
  const close = (): void => {
    closed = true;
    for (const name of [...clients.keys()]) forget(name);
    bound?.close();
  };
  return { close };
}

/** A socket of its own for each client, so that answers find back. */
async function answering(
  front: Bun.udp.Socket<"buffer">,
  client: { address: string; port: number },
  to: { address: string; port: number },
  forget: () => void,
): Promise<Client> {
  const socket = await Bun.udpSocket({
    connect: { hostname: to.address, port: to.port },
    socket: { data: (_, datagram) => void front.send(datagram, client.port, client.address), error: forget },
  });
  socket.unref();
  const timer = setTimeout(forget, UDP_SILENCE);
  timer.unref();
  return { socket, timer };
}
