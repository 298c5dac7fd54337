/** Serves `/_ping` on the sockets it inherited, and says when it does: a service as systemd starts it. */
import * as system from "../../src/api/system.ts";
import { Log } from "../../src/base/log.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ping } from "../../src/jobs/system/version.ts";
import { on } from "../../src/server/route.ts";
import { router } from "../../src/server/router.ts";
import { Server } from "../../src/server/serve.ts";

const log = new Log("warn");
const engine = new Engine<object>(log);
engine.register(ping);
const server = new Server(router([on<object>()(system.ping, ping)], engine, "test", log), log);
server.accept();
await server.listen({ hosts: [{ kind: "fd", fd: undefined }], group: "" });
console.log("ready");
