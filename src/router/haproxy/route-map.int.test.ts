import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { expect, test } from "vitest";
import { freePort } from "../../lib/testing.ts";
import type { RoutedService } from "../router.ts";
import { renderConfig, routesOf } from "./config/config.ts";
import { health, httpBackend, httpFrontend } from "./config/fixtures.ts";
import { placeRoutes } from "./config/route-map.ts";
import { routerPaths } from "./paths.ts";
import { installation, missingHaproxy, workerOf } from "./process/installation.ts";
import { mixedClients, send, startLoad } from "./process/load.ts";
import { readMachine } from "./process/machine.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const options = { signal: AbortSignal.timeout(600_000) };

test.skipIf(missing)(
  "a router that another Kiln has started gets its map with the first change",
  async () => {
    await using it = await installation();
    await using backend = await httpBackend("shop-1-1-1");
    const port = await freePort();
    const service = {
      service: "shop",
      frontends: [httpFrontend(port)],
      health,
      upstreams: [backend.upstream],
    };
    await it.router.apply(service, options);
    const paths = routerPaths(it.state);
    await rm(paths.routes, { recursive: true });
    await it.router.apply({ ...service, upstreams: [{ ...backend.upstream, weight: 7 }] }, options);
    expect(await readdir(paths.routes)).toEqual([routesOf([service]).file]);
  },
);

test.skipIf(missing)("a thousand services with a host name each: a reload loses nothing", async () => {
  await using it = await installation();
  await using backend = await httpBackend("shop-1-1-1");
  const port = await freePort();
  const alive = { ...health, check: { kind: "alive" as const } };
  const many = Array.from({ length: 1000 }, (_, i): RoutedService => {
    const frontends = [httpFrontend(port, `shop${i}.example.com`)];
    return { service: `shop${i}`, frontends, health: alive, upstreams: [backend.upstream] };
  });
  // As another controller has left them.
  const paths = routerPaths(it.state);
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await placeRoutes(routesOf(many), paths);
  await writeFile(paths.config, renderConfig(many, await readMachine(it.state)));
  const [first] = many;
  if (first === undefined) throw new Error("there is a first of them");
  await it.router.apply(first, options);
  expect(await it.router.observe(options)).toHaveLength(1000);
  const load = startLoad(mixedClients(port, "shop500.example.com"));
  const took: number[] = [];
  for (let round = 0; round < 3; round++) {
    const worker = await workerOf(it.state.router);
    const began = performance.now();
    const frontends = [...first.frontends, httpFrontend(port, `more${round}.example.com`)];
    await it.router.apply({ ...first, frontends }, options);
    took.push(Math.round(performance.now() - began));
    expect(await workerOf(it.state.router)).not.toBe(worker);
    const answer = await send({ port, host: `more${round}.example.com`, keepAlive: false, kind: "GET" });
    expect(answer.server).toBe("shop-1-1-1");
  }
  const { served, lost } = await load.stop();
  console.log(
    `  1,000 hosts: reloads in ${took.join(", ")} ms at a load of ${loadavg()[0]?.toFixed(0)}; ${served} served, ${lost.length} lost`,
  );
  expect(lost).toEqual([]);
  expect(served).toBeGreaterThan(100);
});
