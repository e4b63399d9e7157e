import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { openStateFolder } from "../../lib/state-folder.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { closeLong } from "./close-long.ts";
import { momentOf } from "./long-connections.ts";
import { routerPaths } from "./paths.ts";

const folder = mkdtempSync("/tmp/kcl-");
const paths = { ...routerPaths(openStateFolder({ KILN_HOME: folder })), runtimeSocket: join(folder, "s") };
const context = { paths, clock: systemClock, signal: AbortSignal.timeout(60_000) };
const sessions = Array.from({ length: 40 }, (_, i) => `0xa${i}`);

/** HAProxy's runtime socket: sessions over which something comes between any two looks, and others that are still. */
let haproxy: Server;
let isStill: (session: string) => boolean;
let closed: Set<string>;
let looks: number;

beforeEach(async () => {
  [closed, looks] = [new Set(), 0];
  haproxy = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (line) => void socket.end(answer(line.toString().trim())));
  });
  await new Promise<void>((resolve) => haproxy.listen(paths.runtimeSocket, resolve));
});
afterEach(() => new Promise((resolve) => haproxy.close(resolve)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function answer(command: string): string {
  const [verb = "", , session] = command.split(" ");
  const open = sessions.filter((s) => !closed.has(s));
  if (verb === "shutdown" && session !== undefined) closed.add(session);
  if (verb === "shutdown") return "\n";
  if (session === undefined) return open.map(lineOf).join("");
  const total = isStill(session) ? 7 : looks++;
  return open.includes(session)
    ? `  req=0x1 (f=0x8 total=${total})\n  res=0x2 (f=0x8 total=9)\n`
    : "not found\n";
}

function lineOf(session: string): string {
  return `${session}: proto=tcpv4 fe=d be=tcp:db srv=db-1-1-1 ts=00 rq[f=8h,i=0,an=00h,rx=] rp[f=8h,i=0,an=00h,rx=]\n`;
}

const close = (progress: number) => closeLong({ service: "db", upstream: "db-1-1-1", progress }, context);

test("connections over which nothing comes are closed when they are due", async () => {
  isStill = () => true;
  await close(0.4);
  expect(closed).toEqual(new Set(sessions.filter((s) => momentOf(s) <= 0.5)));
  await close(0.8);
  expect(closed.size).toBe(sessions.length);
});

test("one in the midst of a message has a little longer, until nothing comes or its time is over", async () => {
  isStill = () => false;
  await close(0.4);
  expect(closed).toEqual(new Set(sessions.filter((s) => momentOf(s) <= 0.25)));
  isStill = () => true;
  await close(0.4);
  expect(closed).toEqual(new Set(sessions.filter((s) => momentOf(s) <= 0.5)));
  isStill = () => false;
  await close(1);
  expect(closed.size).toBe(sessions.length);
});
