import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files.ts";
import { isProcessAlive } from "../../lib/process-alive.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";

/** The quickstart's own place on the machine: it never meets a real installation. */
export interface Playground {
  readonly project: string;
  readonly state: StateFolder;
  /** Where the site is served. */
  readonly port: number;
}

const home = "/var/lib/kiln-quickstart";
const example = fileURLToPath(new URL("../../../examples/site", import.meta.url));
/** The port in the example's kiln.yaml. */
const usualPort = 8080;

/** The state folder of the quickstart, also of one that was kept. */
export function playgroundState(): StateFolder {
  return openStateFolder({ KILN_HOME: join(home, "state") });
}

/** True also after a quickstart that was killed. */
export async function playgroundExists(): Promise<boolean> {
  return (await stat(home).catch(() => undefined)) !== undefined;
}

/** Throws `state_held` while another quickstart runs. */
export async function requireAlone(): Promise<void> {
  const owner = Number(await readTextIfExists(join(home, "pid")));
  if (!owner || owner === process.pid || !isProcessAlive(owner)) return;
  throw new KilnError("state_held", `Another quickstart is running (pid ${owner}).`, {
    hint: "Wait for it, or end it with Ctrl-C in its terminal.",
  });
}

/** Copies the example and gives it a port that is free. The folder must not exist. */
export async function createPlayground(): Promise<Playground> {
  const project = join(home, "project");
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeFile(join(home, "pid"), `${process.pid}`);
  await cp(example, project, { recursive: true });
  const port = await freePort();
  const file = join(project, "kiln.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/\blisten: *\d+/, `listen: ${port}`));
  return { project, state: playgroundState(), port };
}

/** The quickstart that owned the folder has ended: what is kept belongs to nobody. */
export async function disownPlayground(): Promise<void> {
  await rm(join(home, "pid"), { force: true });
}

export async function deletePlayground(): Promise<void> {
  await rm(home, { recursive: true, force: true });
}

/** The usual one, or whichever the system has. */
async function freePort(): Promise<number> {
  return (await tryListen(usualPort)) ?? (await tryListen(0)) ?? usualPort;
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
