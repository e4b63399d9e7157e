import fc from "fast-check";
import { expect, test } from "vitest";
import { openStateFolder } from "../../../lib/state-folder.ts";
import type { RoutedService } from "../../router.ts";
import { routerPaths } from "../paths.ts";
import { parseConfig, renderConfig } from "./config.ts";

const machine = {
  paths: routerPaths(openStateFolder({ KILN_HOME: "/k" })),
  account: undefined,
  ipv6: true,
  openFiles: 20_000,
  takesAccessLog: true,
};

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}(\.[a-z][a-z0-9-]{0,8})?$/);
const port = fc.integer({ min: 1, max: 65535 });

const path = fc.stringMatching(/^[^\p{Cc}\p{Zl}\p{Zp}]{0,20}$/u).map((rest) => `/${rest}`);

function service(key: string): fc.Arbitrary<RoutedService> {
  return fc.record({
    service: fc.constant(key),
    frontends: fc.array(
      fc.record({
        mode: fc.constantFrom("http" as const, "tcp" as const),
        listen: port,
        tls: fc.option(fc.record({ certificate: path, key: path }), { nil: undefined }),
        host: fc.option(fc.constantFrom("a.example.com", "b.example.com"), { nil: undefined }),
        paths: fc.option(fc.array(fc.constantFrom("/", "/a", "/it's/$b")), { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
    health: fc.record({
      check: fc.oneof(
        fc.record({ kind: fc.constant("http" as const), path: fc.string().map((s) => `/${encodeURI(s)}`) }),
        fc.constant({ kind: "tcp" as const }),
        fc.constant({ kind: "alive" as const }),
      ),
      intervalMs: fc.nat(),
      timeoutMs: fc.nat(),
      ready: fc.nat(),
      unready: fc.nat(),
      deadlineMs: fc.nat(),
    }),
    upstreams: fc
      .uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 4 })
      .chain((slots) => fc.tuple(...[...slots].sort().map((slot) => upstreamOf(`${key}-1-${slot}-1`)))),
  });
}

function upstreamOf(id: string): fc.Arbitrary<RoutedService["upstreams"][number]> {
  const optional = { protocol: fc.constantFrom("h2c" as const), sendProxy: fc.constant(true) };
  const always = {
    id: fc.constant(id),
    address: fc.oneof(fc.ipV4(), fc.ipV6()),
    port,
    weight: fc.integer({ min: 0, max: 256 }),
  };
  return fc.record({ ...always, ...optional }, { requiredKeys: ["id", "address", "port", "weight"] });
}

test("a configuration file tells the services that it was made from", () => {
  const services = fc
    .uniqueArray(name, { maxLength: 4 })
    .chain((keys) => fc.tuple(...[...keys].sort().map(service)));
  fc.assert(
    fc.property(services, (given) => {
      expect(parseConfig(renderConfig(given, machine))).toEqual(given);
    }),
  );
});
