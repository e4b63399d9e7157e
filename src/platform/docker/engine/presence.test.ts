import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { enginePresence, listeningInodes } from "./presence.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-dp-");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("only a socket that is listened on, at that path, names an engine", () => {
  const row = (flags: string, inode: number, path: string) =>
    `ffff9c1e0a5d4400: 00000002 00000000 ${flags} 0001 01 ${inode} ${path}`;
  const rows = [row("00010000", 11, "/run/docker.sock"), row("00000000", 12, "/run/docker.sock")];
  const table = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    ...rows,
    row("00010000", 13, "/run/x"),
  ];
  expect([...listeningInodes(table.join("\n"), "/run/docker.sock")]).toEqual(["socket:[11]"]);
});

test("until it answers, the process that listens there, its copies and what they call are the engine's, and nothing else", async () => {
  const socket = `${folder}/s`;
  const server = createServer().listen(socket);
  await once(server, "listening");
  const calls = `const { pid } = require("node:child_process").spawn("sleep", ["600"]); console.log(pid)`;
  const copy = spawn(process.execPath, ["-e", calls], { stdio: ["ignore", "pipe", "inherit"] });
  const program = spawn("sh", ["-c", "sleep 600 & echo $!; wait"], { stdio: ["ignore", "pipe", "inherit"] });
  const called = (await Promise.all([copy, program].map(({ stdout }) => once(stdout, "data")))).map(Number);
  const [calledByCopy = 0, calledByProgram = 0] = called;
  try {
    const presence = enginePresence(socket);
    const found = () =>
      [process.pid, copy.pid, calledByCopy, program.pid, calledByProgram, process.ppid].map((pid = 0) =>
        presence.isStarting(pid),
      );
    expect(found()).toEqual([true, true, true, true, false, false]);
    presence.answers();
    expect(found()).not.toContain(true);
    presence.lost();
    expect(found()).toEqual([true, true, true, true, false, false]);
  } finally {
    for (const pid of [...called, copy.pid, program.pid]) process.kill(pid ?? 0, "SIGKILL");
    server.close();
  }
});
