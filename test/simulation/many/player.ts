import assert from "node:assert";
import { parentPort } from "node:worker_threads";
import { simulate } from "../simulation.ts";

// The thread that `simulateMany` starts: a seed comes, and its run goes back.
assert(parentPort !== null, "this is a thread of simulateMany");
const port = parentPort;

port.on("message", (seed: number) => {
  void simulate({ seed }).then((run) => port.postMessage(run));
});
