import { expect, test } from "vitest";
import { release } from "../../fake/testing.ts";
import type { OfferedName } from "../host.ts";
import { allowOf, namedFrontends, offerNames, splitFrontends } from "./named.ts";

const all = [{ release: 1, share: 1 }];

test("every release with a port has a way in by name, in the mode that it speaks", () => {
  const modes = (change: Parameters<typeof release>[1]) =>
    namedFrontends(all, [release(1, change)]).map(({ mode, named }) => [mode, named]);
  expect(modes({})).toEqual([["http", 8080]]);
  expect(modes({ traffic: undefined })).toEqual([["http", 8080]]);
  expect(modes({ traffic: { mode: "tcp", listen: 1, host: undefined } })).toEqual([["tcp", 8080]]);
  const { health, shape } = release(1);
  expect(modes({ traffic: undefined, health: { ...health, check: { kind: "tcp" } } })).toEqual([
    ["tcp", 8080],
  ]);
  const secure = { kind: "http", path: "/", tls: {} } as const;
  expect(modes({ traffic: undefined, health: { ...health, check: secure } })).toEqual([["tcp", 8080]]);
  expect(modes({ shape: { ...shape, port: undefined } })).toEqual([]);
});

test("while a rollout changes the port both are there, and one without a share is not", () => {
  const other = release(2, { shape: { ...release(2).shape, port: 9090 } });
  const both = [
    { release: 1, share: 0.5 },
    { release: 2, share: 0.5 },
  ];
  const ports = (shares: typeof both) =>
    namedFrontends(shares, [other, release(1)]).map(({ named }) => named);
  expect(ports(both)).toEqual([8080, 9090]);
  expect(ports([{ release: 2, share: 1 }])).toEqual([9090]);
});

test("while releases with other rules share the traffic, those come in that either lets in", () => {
  const strict = release(2, { network: { allow: ["web", "api.staging"] } });
  const shares = (second: number) => [
    { release: 1, share: 1 - second },
    { release: 2, share: second },
  ];
  expect(allowOf(shares(0.5), [release(1), strict])).toEqual(["*", "api.staging", "web"]);
  expect(allowOf(shares(1), [release(1), strict])).toEqual(["api.staging", "web"]);
  expect(allowOf(shares(0), [release(1), strict])).toEqual(["*"]);
});

test("the router listens where the host leads those who ask, and what it has is taken apart again", async () => {
  const offers: OfferedName[] = [];
  const names = {
    offer: async (_service: string, offered: OfferedName) => {
      offers.push(offered);
      return [{ port: 8080, address: "10.192.4.1", listen: 24001 }];
    },
    withdraw: async () => {},
  };
  const { health } = release(1);
  const open = [{ mode: "http", listen: 80, host: undefined }] as const;
  const named = namedFrontends(all, [release(1)]);
  const led = await offerNames(names, "shop", { shares: all, frontends: open, named, health }, []);
  expect(led).toEqual([{ mode: "http", listen: 24001, host: undefined, named: 8080, address: "10.192.4.1" }]);
  expect(offers).toEqual([{ ports: [8080], public: [80] }]);
  // Previews are ports of the machine too: the one that is kept open, and that of the release to come.
  const preview = { mode: "http", listen: 81, host: undefined } as const;
  const next = release(2, { traffic: { ...preview, listen: 80, preview: 82 } });
  const spec = { shares: all, frontends: open, named, preview, health };
  await offerNames(names, "shop", spec, [{ release: next }]);
  expect(offers.at(-1)).toEqual({ ports: [8080], public: [80, 81, 82] });
  expect(splitFrontends([...open, ...led])).toEqual({ frontends: open, named: led });
  expect(await offerNames(undefined, "shop", { shares: all, frontends: open, named, health }, [])).toEqual(
    [],
  );
});
