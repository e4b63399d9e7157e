import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isNeeded, productionPackages, runtimeFiles } from "../../lib/runtime-files.ts";
import type { Context } from "../context.ts";
import { buildProject } from "../deploy/build-progress.ts";
import { openProject } from "../project.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
/** The CLI's program, whose name ends with `.js` in an npm package. */
const entry = relative(root, fileURLToPath(new URL("../main.ts", import.meta.url)));
const place = "/usr/lib/kiln";

export const controllerService = "kiln-controller";

/** The image has no shell, so that the command is a script of Node.js itself: kernel and Node.js take one argument of the first line. */
const command = `#!/usr/bin/node --disable-warning=ExperimentalWarning
import(${JSON.stringify(`${place}/${entry}`)});
`;

/** `libstdc++6` is all that Node.js needs besides itself. */
const spec = `service: ${controllerService}
image:
  from: debian:bookworm
  packages: [libstdc++6]
  files:
    - { from: ./kiln, to: ${place} }
    - { from: ./node, to: /usr/bin/node, mode: "0755" }
    - { from: ./command, to: /usr/bin/kiln, mode: "0755" }
  user: nobody
  command: [/usr/bin/kiln]
`;

/**
 * Builds the image of a controller from this very Kiln: its code, its npm packages and its Node.js, on Debian's libraries. Nothing of it belongs to the user
 * that runs it. Returns the image's digest; the same Kiln and the same packages give the same. Throws what `buildImage` throws.
 */
export async function buildControllerImage(context: Context): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-install-"));
  try {
    putKiln(join(folder, "kiln"));
    cpSync(process.execPath, join(folder, "node"));
    writeFileSync(join(folder, "command"), command);
    writeFileSync(join(folder, "kiln.yaml"), spec);
    const project = await openProject(folder, {}, undefined);
    return (await buildProject(context, project, { updateLock: false })).digest;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function putKiln(to: string): void {
  const sources = filesBelow("src");
  const others = ["package.json", "package-lock.json", "scripts/system-packages.txt", "LICENSE"];
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const packages = productionPackages(lock, root).filter(
    (path) => !path.startsWith("node_modules/node-linux-"),
  );
  const ofPackages = packages.flatMap(filesBelow).filter(isNeeded);
  for (const path of [...runtimeFiles([...sources, ...others]), ...ofPackages]) {
    mkdirSync(join(to, dirname(path)), { recursive: true });
    cpSync(join(root, path), join(to, path));
    chmodSync(join(to, path), 0o644); // modes do not follow from the umask of who installed Kiln
  }
}

/** Relative to the root; without packages within packages, which the lock file names themselves. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((found) => {
    const path = `${folder}/${found.name}`;
    if (found.isDirectory()) return found.name === "node_modules" ? [] : filesBelow(path);
    return found.isFile() ? [path] : [];
  });
}
