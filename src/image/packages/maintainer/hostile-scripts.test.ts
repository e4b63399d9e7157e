import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import type { TarEntry } from "../../tar/entry.ts";
import { inTime, UsedUp } from "./in-time.ts";
import { runScripts } from "./run-scripts.ts";

const base = { mode: 0o644, uid: 0, gid: 0, mtime: 1 };

/** What is said of a package with this postinst, and the tree; the image has some folders, and links that lead to the root and in circles. */
function run(postinst: string, files: Readonly<Record<string, string>> = {}) {
  const tree = new Map<string, TarEntry>();
  for (const path of ["etc", "tmp", "usr", "var"])
    tree.set(path, { ...base, path, type: "folder", mode: 0o755 });
  tree.set("up", { ...base, path: "up", type: "symlink", link: "../../.." });
  tree.set("here", { ...base, path: "here", type: "symlink", link: "/" });
  tree.set("circle", { ...base, path: "circle", type: "symlink", link: "circle" });
  for (const [path, text] of Object.entries(files))
    tree.set(path, { ...base, path, type: "file", content: { kind: "bytes", bytes: Buffer.from(text) } });
  const members = new Map([["postinst", `#!/bin/sh\n${postinst}\n`]]);
  const effects = runScripts([{ name: "one", control: new Map(), members, paths: [], isInterpreted: true }], {
    tree,
    mtime: 7,
    passwd: "root:x:0:0::/root:/bin/sh\n",
    group: "root:x:0:\n",
  });
  const content = tree.get("out")?.content;
  const out = content?.kind === "bytes" ? Buffer.from(content.bytes).toString() : undefined;
  return { ...effects, tree, out, said: effects.unclear.get("one") };
}

test.each([
  ["a loop", "while true; do :; done", "a script that does not end, at: :"],
  ["a function that calls itself", "f() { f; }\nf", "call themselves without an end, at: f"],
  ["two that call themselves twice", "f() { f | f; }\nf", "call themselves without an end"],
  [
    "a file that reads itself",
    "echo '. /self' > /self; . /self",
    "call themselves without an end, at: . /self",
  ],
  ["text that is evaluated again", `x='eval "$x"'; eval "$x"`, "call themselves without an end"],
  ["parentheses", `${"$(".repeat(5000)}`, ""],
  ["parameters within parameters", `echo ${"${a:-".repeat(50_000)}`, "too deep"],
  ["text that doubles", "x=a; while :; do x=$x$x; done", "makes text without an end, at: x=$x$x"],
  [
    "variables without an end",
    `x=${"a".repeat(99_999)}; while :; do i=$((i+1)); eval "v$i=\\$x"; done`,
    "makes text without an end",
  ],
  ["arguments that double", 'set -- a; while :; do set -- "$@" "$@"; done', "makes text without an end"],
  [
    "a here-document that grows",
    "x=a; while :; do x=$(cat <<E\n$x$x\nE\n); done",
    "makes text without an end",
  ],
  ["numbers without an end", "seq 1 99999999999999", "makes text without an end, at: seq"],
  ["numbers that no one reads", "seq 1 99999999999999 > /dev/null", "makes text without an end, at: seq"],
  ["files without an end", "while :; do i=$((i+1)); cat /big /big > /etc/$i; done", "without an end"],
  [
    "a tree that doubles",
    "mkdir /etc/a; i=0; while [ $i -lt 40 ]; do cp -a /etc /usr/$i; cp -a /usr /etc/$i; i=$((i+1)); done",
    "without an end",
  ],
  ["paths through a link to the root", `echo ${"/*".repeat(60)}`, "without an end"],
  ["a number that overflows", "i=9; while :; do i=$((i*i)); done", "i=$((i*i))"],
])("%s comes to an end that names the place", { timeout: 300_000 }, (_, script, said) => {
  const found = run(script, { big: "x".repeat(500_000) }).said;
  // on a machine that is busy, time may end before the steps do
  if (!found?.includes("takes longer than 60 s, at: ")) expect(found).toContain(said);
});

test("Ctrl-C ends a regular expression that would take years", async () => {
  const later = spawn("sh", ["-c", `sleep 0.2; kill -INT ${process.pid}`]);
  expect(() =>
    inTime(
      () => /^(a+)+$/.test(`${"a".repeat(60)}!`),
      () => "grep -E",
    ),
  ).toThrow("The build was stopped.");
  await once(later, "exit");
});

test("a pattern of many stars takes no more time than its length asks for", () => {
  expect(
    run(`case ${"a".repeat(5000)} in ${"*a".repeat(500)}b) echo yes;; *) echo no > /out;; esac`).out,
  ).toBe("no\n");
});

test("a regular expression that would take years is ended", () => {
  const work = () => /^(a+)+$/.test(`${"a".repeat(60)}!`);
  expect(() => inTime(work, () => "grep -E", 50)).toThrow(UsedUp);
  expect(() => inTime(work, () => "grep -E", 50)).toThrow("takes longer than 0.05 s, at: grep -E");
});

test.each([
  ["echo x > /", "a path that no file can have"],
  ["echo x > /usr", "a file in the place"],
  ["touch /etc/a; echo x > /etc/a/b", "not a folder"],
  [`echo x > /etc/${"n".repeat(300)}`, "a path that no file can have"],
  ["touch /etc/a\0b", "a path that no file can have"],
  ["echo x > /circle/a", "links that lead to each other"],
  ["touch /etc/a; ln -s /etc/a /b; mkdir -p /b/c", "not a folder"],
  ["touch /etc/a; chmod 77777 /etc/a", "chmod 77777"],
  ["touch /etc/a; chown 4294967295 /etc/a", "chown 4294967295"],
  ["useradd -u '0 u evil 0' a", "useradd"],
  ["adduser --system --home '/a b' a", "adduser"],
  ["a2query -constructor x", "a2query"],
  [`dpkg-query -W -f '\${constructor}' one`, "dpkg-query"],
  ["tail -n +2 /etc/a", "tail"],
])("%s is not done", (script, said) => {
  expect(run(`set -e\n${script}`).said).toContain(said);
});

test("every path stays in the image's tree", () => {
  const { tree, said } = run(
    "echo 1 > ../../../etc/a; echo 2 > /up/etc/b; echo 3 > /here/../here/etc/c; cd /up; echo 4 > ../d; echo 5 > /dev/sda",
  );
  expect(said).toBeUndefined();
  for (const path of ["etc/a", "etc/b", "etc/c", "d"]) expect(tree.get(path)?.type).toBe("file");
  expect([...tree.keys()].filter((path) => /^dev|\.\./.test(path))).toEqual([]);
});

test("nothing of the machine is seen: no file, no variable", () => {
  const found = run("[ -e /proc/self ] || echo none > /out; echo $USER$PWD$NODE_OPTIONS$KILN_HOME >> /out");
  expect(found.out).toBe("none\n\n");
  expect(run("cat /etc/hostname > /out || echo none > /out").out).toBe("none\n");
});

test("no service runs, whatever asks for it", () => {
  const asked = [
    ...[
      "systemctl is-active a",
      "systemctl --quiet is-enabled a",
      "invoke-rc.d a status",
      "service a status",
    ],
    ...["kill -0 7", "pgrep a", "pkill a", "mountpoint -q /var", "deb-systemd-helper debian-installed a"],
  ];
  for (const one of asked) expect(run(`${one} && echo yes > /out || echo no > /out`).out, one).toBe("no\n");
  expect(run("systemctl daemon-reload && invoke-rc.d a start && echo done > /out").out).toBe("done\n");
});

test("files that a script makes for itself alone stay closed", () => {
  const { tree } = run("(umask 077; echo secret > /etc/a; mkdir /etc/b); echo open > /etc/c");
  expect([tree.get("etc/a")?.mode, tree.get("etc/b")?.mode, tree.get("etc/c")?.mode]).toEqual([
    0o600, 0o700, 0o644,
  ]);
});

test("a script ends where it says so, and a function's variables are its own", () => {
  expect(run("x=1; f() { local x=2; }; f; echo $x > /out").out).toBe("1\n");
  expect(run("(exec true; echo no > /out)").out).toBeUndefined();
});

test("a package whose script fails names the last command", () => {
  expect(run("set -e\nfalse").said).toBe("a postinst that ends with 1, after: false");
});
