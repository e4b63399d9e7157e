import { aFinding } from "../../../domain/testing.ts";
import type { AskedOf, OperationsOf } from "../types.ts";
import type { driftTable } from "./operations.ts";

const evidence = {
  digest: `sha256:${"e".repeat(64)}`,
  ...{ server: "shop-1-1-1", release: 1, image: `sha256:${"1".repeat(64)}` },
  taint: { kind: "process", subject: "pid 4711", detail: "a shell", atMs: 1 },
  ...{ atMs: 2, bytes: 10_240, left: ["/tmp/large"] },
};

const server = "shop-1-1-1";

/** What they are asked, at least once each. */
export const driftAsked: AskedOf<typeof driftTable> = {
  drift: [{}, { server, inspect: true }],
  evidence: [{}],
  evidenceOf: [{ server }],
  exportEvidence: [{ server }],
};

/** Full values. */
export const driftAnswered: OperationsOf<typeof driftTable> = {
  drift: async () => [{ ...aFinding(), service: "shop", response: "replace" }],
  evidence: async () => [evidence],
  evidenceOf: async () => ({
    ...evidence,
    who: "/usr/sbin/runc pid 4711 uid 0 (login 1000)",
    processes: [
      {
        ...{ pid: 4711, parent: 1, uid: 0, name: "sh", state: "S", argv: ["sh", "-i"], own: true },
        ...{ executable: "/bin/sh", workingFolder: "/", namespaces: { mnt: "mnt:[1]" }, files: {} },
      },
    ],
    mounts: ["36 35 98:0 / / rw - overlay kiln rw"],
    log: ["hello"],
  }),
  exportEvidence: async function* () {
    yield { data: "aGVsbG8=" };
    yield { data: "IQ==" };
  },
};
