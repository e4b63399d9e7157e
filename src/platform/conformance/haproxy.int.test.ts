import { request } from "node:http";
import { describe } from "vitest";
import { mainHost } from "../../domain/traffic/listener.ts";
import { freePort } from "../../lib/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { type Backend, httpBackend, httpFrontend } from "../../router/haproxy/config/fixtures.ts";
import { installation, missingHaproxy } from "../../router/haproxy/process/installation.ts";
import { describeRouter, type RouterSubject } from "./describe-router.ts";

const missing = await missingHaproxy();
if (missing) console.log(`HAProxy is not tested: ${missing}`);

describe.skipIf(missing)("on this machine", () => {
  describeRouter("HAProxy", async (): Promise<RouterSubject> => {
    const it = await installation();
    let router = it.router;
    const backends = new Map<string, Backend>();
    return {
      get router() {
        return router;
      },
      frontends: [
        httpFrontend(await freePort()),
        httpFrontend(await freePort()),
        httpFrontend(await freePort()),
      ],
      backend: async (id) => {
        const backend = backends.get(id) ?? (await httpBackend(id));
        backends.set(id, backend);
        return backend.upstream;
      },
      request: (frontend) => ask(frontend.listen, mainHost(frontend), frontend.paths?.[0]),
      restart: async () => {
        router = it.another();
      },
      pause: systemClock.sleep,
      cleanup: async () => {
        await it[Symbol.asyncDispose]();
        for (const backend of backends.values()) await backend[Symbol.asyncDispose]();
      },
    };
  });
});

function ask(port: number, host = "localhost", path = "/"): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      { port, path, headers: { host }, agent: false, timeout: 5000 },
      async (response) => {
        const body = await response.setEncoding("utf8").toArray();
        resolve(response.statusCode === 200 ? JSON.parse(body.join("")).id : undefined);
      },
    );
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}
