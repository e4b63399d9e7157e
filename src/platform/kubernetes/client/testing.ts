import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Clock } from "../../../lib/time/clock.ts";
import type { Api } from "./api.ts";
import { kubernetesApi } from "./http-api.ts";

/** Pauses take no time, and are kept. */
function hasty(pauses: number[], now: () => number): Clock {
  return {
    now,
    elapsed: () => performance.now(),
    sleep: async (ms) => void pauses.push(ms),
  };
}

export type ScriptedAnswer = (
  asked: IncomingMessage & { readonly address: URL; readonly body: string },
  answer: ServerResponse,
) => void;

/** For tests: an API server that answers in this way, and its client. `user`: of the kubeconfig. */
export async function serverThat(
  answers: ScriptedAnswer,
  user: (folder: string) => object = () => ({ token: "t" }),
  now: () => number = Date.now,
) {
  const server = createServer(async (asked, answer) => {
    const body = (await asked.setEncoding("utf8").toArray()).join("");
    answers(Object.assign(asked, { address: new URL(asked.url ?? "", "http://x"), body }), answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const folder = mkdtempSync("/tmp/kiln-");
  const kubeconfig = join(folder, "config");
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "c", user: "u", namespace: "shop" } }],
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: "u", user: user(folder) }],
    }),
  );
  const pauses: number[] = [];
  const clock = hasty(pauses, now);
  const api: Api = kubernetesApi({ kubeconfig, context: undefined, clock });
  return {
    api,
    clock,
    pauses,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true });
    },
  };
}

export const json = (answer: ServerResponse, value: object, status = 200, headers = {}) =>
  answer.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
