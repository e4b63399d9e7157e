import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { AcmeSpec } from "../../domain/spec/traffic-spec.ts";
import { exec } from "../../lib/process/exec.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { issue } from "../test-certificates.ts";

/** Why there is no authority for tests; undefined when there is one. */
export async function missingPebble(): Promise<string | undefined> {
  const found = await exec(["pebble", "-version"], { accept: "any" }).catch((error: Error) => error.message);
  return typeof found === "string" ? `pebble is not installed: ${found}` : undefined;
}

/** A certificate authority with its own name server, which says that every name leads to this machine. Both end with the test. */
export interface TestAuthority extends AsyncDisposable {
  readonly acme: AcmeSpec;
  /** Where `POST /set-txt` adds a record to its name server. */
  readonly namesPort: number;
}

/** `httpPort`: where it asks instead of port 80. */
export async function testAuthority(httpPort: number): Promise<TestAuthority> {
  const folder = await mkdtemp("/tmp/kiln-");
  const own = await issue(folder, "authority", { hosts: ["localhost"] });
  const [port, management, names, namesManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: own.certificate,
    privateKey: own.key,
    httpPort,
    tlsPort: await freePort(),
  };
  const file = join(folder, "pebble.json");
  await writeFile(file, JSON.stringify({ pebble: config }));
  const processes = [
    start([
      ...["pebble-challtestsrv", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1"],
      ...["-dns01", `127.0.0.1:${names}`, "-management", `127.0.0.1:${namesManagement}`],
      ...["-http01", "", "-https01", "", "-tlsalpn01", ""],
    ]),
    start(["pebble", "-config", file, "-dnsserver", `127.0.0.1:${names}`], { PEBBLE_VA_NOSLEEP: "1" }),
  ];
  await Promise.all([port, namesManagement].map(answers));
  return {
    namesPort: namesManagement,
    acme: { directory: `https://localhost:${port}/dir`, authority: own.certificate },
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map(end));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The shell ends its program when the test process is gone. */
function start([program = "", ...args]: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const script = '"$@" <&- & program=$!; cat >/dev/null; kill -9 $program';
  return spawn("sh", ["-c", script, "sh", program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "ignore", "ignore"],
  });
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.stdin?.end();
  await ended;
}

const startMs = 60_000;

async function answers(port: number): Promise<void> {
  const endMs = Date.now() + startMs;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    if (Date.now() > endMs) throw new Error(`nothing listens on port ${port}`);
    await systemClock.sleep(50);
  }
}
