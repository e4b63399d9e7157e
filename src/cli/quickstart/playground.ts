import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files.ts";
import { isProcessAlive } from "../../lib/process-alive.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import { findFreePort } from "../free-port.ts";

/** The quickstart's own place on the machine, beside the installation that it never meets. */
export interface Playground {
  /** Everything of it lies below. */
  readonly folder: string;
  readonly project: string;
  readonly state: StateFolder;
}

const example = fileURLToPath(new URL("../../../examples/site", import.meta.url));
/** The port in the example's kiln.yaml. */
const usualPort = 8080;

/** `/var/lib/kiln-quickstart`, for a machine's own installation. */
export function playgroundBeside(installation: StateFolder): Playground {
  const folder = `${installation.home}-quickstart`;
  return {
    folder,
    project: join(folder, "project"),
    state: openStateFolder({ KILN_HOME: join(folder, "state") }),
  };
}

/** True also after a quickstart that was killed. */
export async function playgroundExists({ folder }: Playground): Promise<boolean> {
  return (await stat(folder).catch(() => undefined)) !== undefined;
}

/** Throws `state_held` while another quickstart runs. */
export async function requireAlone(playground: Playground): Promise<void> {
  const owner = Number(await readTextIfExists(pidFile(playground)));
  if (!owner || owner === process.pid || !isProcessAlive(owner)) return;
  throw new KilnError("state_held", `Another quickstart is running (pid ${owner}).`, {
    hint: "Wait for it, or end it with Ctrl-C in its terminal.",
  });
}

/** Copies the example and gives it a port that is free, which is returned. The folder must not exist. */
export async function createPlayground(playground: Playground): Promise<number> {
  await mkdir(playground.folder, { recursive: true, mode: 0o700 });
  await writeFile(pidFile(playground), `${process.pid}`);
  await cp(example, playground.project, { recursive: true });
  const port = await findFreePort([usualPort, 0]);
  const file = join(playground.project, "kiln.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/\blisten: *\d+/, `listen: ${port}`));
  return port;
}

/** Its quickstart has ended: what is kept belongs to nobody. */
export async function disownPlayground(playground: Playground): Promise<void> {
  await rm(pidFile(playground), { force: true });
}

export async function deletePlayground({ folder }: Playground): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

function pidFile({ folder }: Playground): string {
  return join(folder, "pid");
}
