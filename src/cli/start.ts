import "../lib/process/without-translations.ts";
import { systemClock } from "../lib/time/clock.ts";
import { runCli } from "./run.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The first signal asks the command to end cleanly, the second one ends it.
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
await Promise.all([process.stdout, process.stderr].map(written));
process.exit(code);

/** A pipe takes 64 KiB at a time (pipe(7)); output that its reader has not taken yet would be lost at exit. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
