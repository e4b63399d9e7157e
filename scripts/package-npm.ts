/**
 * Makes an npm package of this checkout, the same bytes wherever and whenever: its tracked files and the npm packages of its lock file, as JavaScript, because Node.js takes no types
 * out of what lies in `node_modules`, and the built dashboard. npm adds
 * the Node.js; nothing runs when it is installed. Prints its path.
 *
 *   npm run --silent package [-- FOLDER]      the folder for the package; default: dist
 */
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
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { exec } from "../src/lib/process/exec.ts";
import { productionPackages, runtimeFiles } from "../src/lib/runtime-files.ts";
import { checkout, copyPackage, git, identityOf, inCheckout, isProgram, put, version } from "./checkout.ts";
import { packageJson, withJavaScriptNames } from "./npm/content.ts";

/** What only a checkout needs: how it is set up, and the sources of the dashboard. */
const nodePackage = /^node_modules\/node-linux-/;
const leftOut = /^(package(-lock)?\.json|scripts\/ensure\.sh|src\/dashboard\/.*)$/;

async function putKiln(root: string): Promise<void> {
  for (const path of runtimeFiles((await git("ls-files", "-z")).split("\0"))) {
    if (leftOut.test(path)) continue;
    const content = readFileSync(join(checkout, path));
    if (path.endsWith(".ts")) put(root, path.replace(/\.ts$/, ".js"), javaScript(content.toString()));
    else put(root, path, content);
  }
  put(root, "package.json", packageJson(inCheckout("package.json")));
  const lock = inCheckout("package-lock.json");
  put(root, "package-lock.json", lock); // Kiln takes its digest: two with the same code and packages are the same
  for (const folder of productionPackages(lock, checkout).filter((path) => !nodePackage.test(path)))
    copyPackage(folder, root);
  cpSync(join(checkout, "dist/dashboard"), join(root, "dist/dashboard"), { recursive: true });
}

function javaScript(source: string): string {
  return withJavaScriptNames(stripTypeScriptTypes(source));
}

/** Modes do not follow from the umask with which a checkout was made. */
function evenOut(root: string): void {
  chmodSync(root, 0o755);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const own =
      /^(kiln|examples|contrib)(\/|$)/.test(relative(root, path)) && isProgram(relative(root, path));
    chmodSync(path, entry.isDirectory() || own ? 0o755 : 0o644);
  }
}

const folder = resolve(process.argv[2] ?? join(checkout, "dist"));
const work = mkdtempSync(join(tmpdir(), "kiln-npm-"));
try {
  const { committedAt } = await identityOf();
  const root = join(work, "package"); // the name that npm-pack(1) gives it
  await putKiln(root);
  evenOut(root);
  const owner = ["--owner=0", "--group=0", "--numeric-owner", `--mtime=@${committedAt.getTime() / 1000}`];
  const tar = join(work, "package.tar");
  await exec(["tar", "--sort=name", "--format=ustar", ...owner, "-C", work, "-cf", tar, "package"]);
  const file = join(folder, `kiln-${version}.tgz`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, gzipSync(readFileSync(tar), { level: 9 }));
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(work, { recursive: true });
}
