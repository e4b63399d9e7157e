import { existsSync, mkdirSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { ServiceKey } from "../../../domain/ids.ts";
import { appendLines, removeLines } from "../../../lib/files/rotated-lines.ts";
import type { Logger } from "../../../lib/log.ts";
import { previewedBy } from "../../preview-key.ts";
import type { RoutedService } from "../../router.ts";
import { isLogged, loggedService } from "../config/access-log.ts";
import type { RouterPaths } from "../paths.ts";
import { openPipe } from "../process/process.ts";

/** Twice as much is kept of each service. */
const fullBytes = 8 * 1024 * 1024;
/** Few lines are read and written together: each alone would cost the controller several calls of the system. */
const pauseMs = 50;
const fewBytes = 16 * 1024;
const complainMs = 60_000;

export function accessFile({ access }: Pick<RouterPaths, "access">, service: ServiceKey): string {
  return join(access, `${service}.jsonl`);
}

export interface AccessReceiver extends Disposable {
  /** Reads once one of the services has an access log, also what HAProxy has written until then. Lines of others are dropped. */
  expect(services: readonly Pick<RoutedService, "service" | "frontends">[]): void;
  forget(service: ServiceKey): Promise<void>;
}

/** Takes what HAProxy logs into a file for each service. */
export function accessReceiver(paths: RouterPaths, log: Logger): AccessReceiver {
  let pipe: Socket | undefined;
  let expected: ReadonlySet<ServiceKey> = new Set();
  const complain = rarely((error) => log.warn({ err: error }, "The access log of the router has lost lines"));

  function open(): void {
    if (!existsSync(paths.accessPipe)) return;
    mkdirSync(paths.access, { recursive: true, mode: 0o700 });
    const fd = openSync(paths.accessPipe, openPipe);
    const opened = new Socket({ fd, readable: true, writable: false }).unref();
    const takeLines = lineTaker(take);
    opened.on("error", complain).on("data", (piece) => {
      takeLines(piece);
      if (piece.length > fewBytes) return;
      opened.pause();
      setTimeout(() => opened.resume(), pauseMs).unref();
    });
    pipe = opened;
  }

  function take(lines: readonly string[]): void {
    const byService = Map.groupBy(lines, (line) => loggedService(line.slice(0, line.indexOf(" "))));
    for (const [service, those] of byService) {
      if (service === undefined || !expected.has(service)) continue;
      const text = those.map((line) => `${line.slice(line.indexOf(" ") + 1)}\n`).join("");
      try {
        appendLines(accessFile(paths, service), text, fullBytes);
      } catch (error) {
        complain(error);
      }
    }
  }

  return {
    expect(services) {
      expected = new Set(services.filter(isLogged).map(({ service }) => previewedBy(service) ?? service));
      if (pipe === undefined && expected.size > 0) open();
    },
    forget: (service) => removeLines(accessFile(paths, service)),
    [Symbol.dispose]() {
      pipe?.destroy();
      pipe = undefined;
    },
  };
}

/** The whole lines of what comes in pieces. */
function lineTaker(take: (lines: readonly string[]) => void): (piece: Buffer) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece.toString("latin1")).split("\n"); // HAProxy sends ASCII
    rest = lines.pop() ?? "";
    if (lines.length > 0) take(lines);
  };
}

function rarely(act: (error: unknown) => void): (error: unknown) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < complainMs) return;
    lastMs = nowMs;
    act(error);
  };
}
