import { readLines } from "../../../lib/files/rotated-lines.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { AccessLog } from "../../router.ts";
import type { RouterPaths } from "../paths.ts";
import { parseEntry } from "./entry.ts";
import { accessFile } from "./receive.ts";

export function accessLogReader(paths: RouterPaths, clock: Clock): AccessLog {
  return {
    async *read(service, how, signal) {
      for await (const line of readLines(accessFile(paths, service), how, clock, signal)) {
        const entry = parseEntry(line);
        if (entry !== undefined) yield entry;
      }
    },
  };
}
