import { systemClock } from "../lib/clock.ts";
import { runCli } from "./run.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The first asks the command to end tidily, the second ends it.
  process.on(signal, () => (stop.signal.aborted ? process.exit(130) : stop.abort()));
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0); // `kiln audit | head`: the reader has seen enough
    throw error;
  });
}

const code = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd,
  stdin: () => process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  signal: stop.signal,
});
process.exit(code);
