import { messageOf } from "../base/errors.ts";
import { Rtnetlink } from "../sys/rtnetlink.ts";
import { makeNamespace } from "./namespace.ts";
import type { FromWorker, ToWorker } from "./namespaces.ts";

/** Makes network namespaces in a thread of its own: the kernel's rtnl lock is waited for here, never in the daemon's loop. */

declare const self: {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
};

const links = new Rtnetlink();

self.onmessage = ({ data: { number, request } }) => {
  try {
    self.postMessage({ number, netns: makeNamespace(request, links) });
  } catch (error) {
    self.postMessage({ number, error: messageOf(error) });
  }
};
