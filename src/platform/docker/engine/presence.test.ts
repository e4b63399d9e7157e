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

test("until it answers, the process that listens there and what it starts of itself are the engine's, and nothing else", async () => {
  const socket = `${folder}/s`;
  const server = createServer().listen(socket);
  await once(server, "listening");
  const own = spawn(process.execPath, ["-e", "setTimeout(() => {}, 600000)"]);
  const other = spawn("sleep", ["600"]);
  try {
    await Promise.all([once(own, "spawn"), once(other, "spawn")]);
    const presence = enginePresence(socket);
    const found = () =>
      [process.pid, own.pid, other.pid, process.ppid].map((pid = 0) => presence.isStarting(pid));
    expect(found()).toEqual([true, true, false, false]);
    presence.answers();
    expect(found()).toEqual([false, false, false, false]);
    presence.lost();
    expect(found()).toEqual([true, true, false, false]);
  } finally {
    own.kill("SIGKILL");
    other.kill("SIGKILL");
    server.close();
  }
});
