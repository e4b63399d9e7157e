import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IntegrityTier } from "../domain/drift/drift.ts";
import { toKilnError } from "../lib/errors.ts";
import { cleanEnvironment } from "../lib/process/environment.ts";
import { openTrace } from "./trace/trace-instance.ts";

type Fact = IntegrityTier["facts"][number];

/**
 * How well drift would be seen on this machine: an event of the kernel is caused and looked for. `prevented` is what the
 * platform has found out itself.
 */
export async function probeDrift(tag: string, prevented: readonly Fact[]): Promise<IntegrityTier> {
  const blind = await whyBlind(`kiln-${tag}-probe-${process.pid}`);
  const withoutEvents = "kernel events are unavailable";
  const events =
    blind === undefined ? "kernel events report it" : `${withoutEvents} (${blind}): the scan detects it`;
  const speed = blind === undefined ? "milliseconds" : "seconds";
  return {
    name: blind === undefined ? "kernel" : "scan",
    facts: [
      ...prevented,
      { what: "entering it from the machine (runc exec, nsenter)", speed, how: events },
      { what: "mounting in it", speed, how: events },
      { what: "tracing it, or writing to its memory with a system call", speed, how: events },
      {
        what: "taking a file descriptor out of it, changing its resource limits or its oom_score_adj",
        speed: blind === undefined ? speed : "unseen",
        how:
          blind === undefined
            ? events
            : `${withoutEvents} (${blind}): servers.maxAge limits how long it lasts`,
      },
      {
        what: "entering it or mounting in it with a 32-bit system call",
        speed: "seconds",
        how: "kernel events do not cover such calls: the scan detects it within 8 s",
      },
      {
        what: "altering a file of its image or bundle",
        speed: "milliseconds",
        how: "inotify reports it, and Kiln reads the file again",
      },
      {
        what: "silencing kernel events, or stopping the controller",
        speed: "seconds",
        how: "the event drift.gap says what may have been missed, and Kiln looks at everything",
      },
      {
        what: "giving a mounted loop device another file",
        speed: "seconds",
        how: "Kiln compares device and inode of what is mounted",
      },
      {
        what: "altering an image below its file system",
        speed: "minutes",
        how: "Kiln reads files and loop devices again slowly",
      },
      {
        what: "leaving links, addresses, routes or routing rules in its network namespace",
        speed: "seconds",
        how: "the kernel reports it; each minute Kiln compares them with what it made",
      },
      {
        what: "leaving sockets or packet filters in its network namespace",
        speed: "minutes",
        how: "Kiln compares them with what the server's processes hold and with what it made; within seconds when it saw the visit",
      },
      {
        what: "changing most settings (sysctls) of its network namespace",
        speed: "unseen",
        how: "Kiln sees who enters, and servers.maxAge limits how long a change lasts",
      },
      {
        what: "patching its memory through /proc, the kernel or a 32-bit system call",
        speed: "unseen",
        how: "servers.maxAge limits how long it lasts",
      },
    ],
  };
}

/** Why events do not arrive; undefined when they do. */
async function whyBlind(name: string): Promise<string | undefined> {
  try {
    const instance = await openTrace(name);
    try {
      const child = spawn("nsenter", [`--net=/proc/${process.pid}/ns/net`, "true"], {
        env: cleanEnvironment,
        stdio: "ignore",
      });
      await once(child, "exit");
      const seen = readFileSync(instance.buffer, "utf8").includes(`-${child.pid} `);
      return seen ? undefined : "a test event did not arrive";
    } finally {
      instance.remove();
    }
  } catch (error) {
    return toKilnError(error).message;
  }
}
