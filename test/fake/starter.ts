/** A daemon to be killed: starts the containers that stand on its standard input as JSON, says so, and waits. */
import { Log } from "../../src/base/log.ts";
import type { RunRequest } from "../../src/execdriver/driver.ts";
import { NativeDriver } from "../../src/execdriver/native.ts";

const driver = new NativeDriver({ root: process.argv[2]!, owner: "test", log: new Log("warn") });
const requests = (await Bun.stdin.json()) as RunRequest[];
await Promise.all(requests.map((request) => driver.run(request)));
process.stdout.write("started\n");
setInterval(() => {}, 1000);
