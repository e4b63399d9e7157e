/**
 * Makes a Debian package of this checkout, the same bytes wherever and whenever: its tracked files, the npm packages of its lock file, the
 * Node.js among them, and the built dashboard. Prints its path.
 *
 *   npm run --silent package [-- FOLDER]      the folder for the package; default: dist
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { systemdUnit } from "../src/cli/local-controller/systemd-unit.ts";
import { exec } from "../src/lib/process/exec.ts";
import { productionPackages, runtimeFiles } from "../src/lib/runtime-files.ts";
import {
  checkout,
  copyPackage,
  description,
  git,
  identityOf,
  inCheckout,
  isProgram,
  put,
  version,
} from "./checkout.ts";
import { architectures, controlFile, debianVersion } from "./deb/control.ts";
import { documentation } from "./deb/documentation.ts";
import { manPage } from "./deb/man-page.ts";

/** The part that is as in a checkout, in /usr/lib/kiln. */
async function putKiln(root: string): Promise<void> {
  const home = join(root, "usr/lib/kiln");
  const lock = inCheckout("package-lock.json");
  for (const path of runtimeFiles((await git("ls-files", "-z")).split("\0"))) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    copyFileSync(join(checkout, path), join(home, path));
  }
  for (const folder of productionPackages(lock, checkout)) copyPackage(folder, home);
  cpSync(join(checkout, "dist/dashboard"), join(home, "dist/dashboard"), { recursive: true });
  put(home, "node_modules/.kiln-lock-production", lock); // as scripts/ensure.sh leaves it
  const [node = ""] = globSync("node_modules/node-linux-*/bin/node", { cwd: home });
  mkdirSync(join(home, "node_modules/.bin"));
  symlinkSync(node.replace("node_modules", ".."), join(home, "node_modules/.bin/node"));
}

function putForTheSystem(root: string, committedAt: Date): void {
  const zipped = (text: string) => gzipSync(text, { level: 9 });
  const unit = systemdUnit({
    argv: ["/usr/bin/kiln", "controller", "run"],
    env: { KILN_HOME: "/var/lib/kiln" },
    home: "/var/lib/kiln",
  });
  put(root, "usr/lib/systemd/system/kiln.service", `${unit}\n`);
  put(root, "usr/share/man/man1/kiln.1.gz", zipped(manPage(version, committedAt.toISOString().slice(0, 10))));
  put(root, "usr/share/doc/kiln/changelog.gz", zipped(inCheckout("CHANGELOG.md")));
  put(root, "usr/share/doc/kiln/copyright", copyright());
  const completions = { bash: "bash-completion/completions/kiln", zsh: "zsh/vendor-completions/_kiln" };
  for (const [shell, path] of Object.entries({ ...completions, fish: "fish/vendor_completions.d/kiln.fish" }))
    put(root, `usr/share/${path}`, inCheckout(`src/cli/completion/kiln.${shell}`));
  mkdirSync(join(root, "usr/bin"));
  symlinkSync("../lib/kiln/kiln", join(root, "usr/bin/kiln"));
  for (const name of documentation)
    symlinkSync(`../../../lib/kiln/${name}`, join(root, "usr/share/doc/kiln", name));
}

function copyright(): string {
  return `Kiln: Apache-2.0, /usr/lib/kiln/LICENSE
Node.js and the npm packages in /usr/lib/kiln/node_modules: the license in the folder of each
`;
}

/** Control files, once all others are there (deb-control(5), deb-md5sums(5)). */
function putControl(root: string, packageVersion: string): void {
  const paths = pathsIn(root);
  const files = paths.filter((path) => lstatSync(join(root, path)).isFile());
  const sizes = paths.map((path) => sizeKiB(join(root, path)));
  const md5 = (path: string) =>
    createHash("md5")
      .update(readFileSync(join(root, path)))
      .digest("hex");
  const fields = {
    version: packageVersion,
    architecture: architectures[process.arch] ?? process.arch,
    installedKiB: sizes.reduce((sum, size) => sum + size, 0),
    description,
  };
  put(root, "DEBIAN/control", controlFile(fields));
  put(root, "DEBIAN/md5sums", files.map((path) => `${md5(path)}  ${path}\n`).join(""));
  for (const script of ["postinst", "prerm", "postrm"])
    put(root, `DEBIAN/${script}`, inCheckout(`scripts/deb/${script}`));
}

/** In the order of their names. Symbolic links are not followed, as `recursive` of readdirSync would. */
function pathsIn(root: string): readonly string[] {
  const below = (folder: string): readonly string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? [path, ...below(path)] : [path];
    });
  return [...below("")].sort();
}

/** A file's is rounded up; anything else counts as one (dpkg-gencontrol). */
function sizeKiB(path: string): number {
  const stat = lstatSync(path);
  return stat.isFile() ? Math.ceil(stat.size / 1024) : 1;
}

const programs = /^(DEBIAN\/(postinst|prerm|postrm)|usr\/lib\/kiln\/(scripts\/ensure\.sh|.*\/bin\/node))$/;

function isExecutable(path: string): boolean {
  const own = /^usr\/lib\/kiln\/((kiln|examples|contrib).*)$/.exec(path)?.[1];
  return programs.test(path) || (own !== undefined && isProgram(own));
}

/** Modes and times do not follow from the umask and the time at which a checkout was made. */
function evenOut(root: string, committedAt: Date): void {
  for (const path of ["", ...pathsIn(root)]) {
    const found = lstatSync(join(root, path));
    if (!found.isSymbolicLink())
      chmodSync(join(root, path), found.isDirectory() || isExecutable(path) ? 0o755 : 0o644);
    lutimesSync(join(root, path), committedAt, committedAt);
  }
  // Older than what was set up from it: the launcher sees that nothing is to be set up.
  const before = new Date(committedAt.getTime() - 1000);
  lutimesSync(join(root, "usr/lib/kiln/package-lock.json"), before, before);
}

const folder = resolve(process.argv[2] ?? join(checkout, "dist"));
const root = mkdtempSync(join(tmpdir(), "kiln-deb-"));
try {
  const { committedAt, ...found } = await identityOf();
  const packageVersion = debianVersion({ version, committedAt, ...found });
  await putKiln(root);
  putForTheSystem(root, committedAt);
  putControl(root, packageVersion);
  evenOut(root, committedAt);
  const file = join(folder, `kiln_${packageVersion}_${architectures[process.arch] ?? process.arch}.deb`);
  mkdirSync(folder, { recursive: true });
  await exec(["dpkg-deb", "--root-owner-group", "-Zzstd", "-z6", "--threads-max=1", "--build", root, file], {
    env: { SOURCE_DATE_EPOCH: `${committedAt.getTime() / 1000}` },
  });
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(root, { recursive: true });
}
