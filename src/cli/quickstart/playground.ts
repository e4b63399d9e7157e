import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import { findFreePort } from "../free-port.ts";

/** The quickstart's own folder on the machine, separate from the installation, which it never touches. */
export interface Playground {
  /** Contains everything of the quickstart. */
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

/**
 * Runs `work` as the only quickstart of this machine. Throws `state_held` while another one runs; a killed one does
 * not block.
 */
export async function alone<T>({ folder }: Playground, work: () => Promise<T>): Promise<T> {
  const path = `${folder}.lock`;
  let mine = false;
  try {
    await mkdir(dirname(path), { recursive: true });
    return await withFileLock(
      path,
      async () => {
        mine = true;
        return await work().finally(() => rm(path, { force: true }));
      },
      { timeoutMs: 0 },
    );
  } catch (error) {
    if (mine || !(error instanceof KilnError) || error.code !== "state_held") throw error;
    throw new KilnError("state_held", "Another quickstart is running.", {
      hint: "Wait for it, or end it with Ctrl-C in its terminal.",
    });
  }
}

/** Copies the example and gives it a port that is free, which is returned. The folder must not exist. */
export async function createPlayground(playground: Playground): Promise<number> {
  await mkdir(playground.folder, { recursive: true, mode: 0o700 });
  await cp(example, playground.project, { recursive: true });
  const port = await findFreePort([usualPort, 0]);
  const file = join(playground.project, "kiln.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/\blisten: *\d+/, `listen: ${port}`));
  return port;
}

export async function deletePlayground({ folder }: Playground): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
