import { expect, test } from "vitest";
import { resolverFiles } from "./resolver-files.ts";

const network = { tag: "0123abcd", subnet: { base: 0x0ac0_0400, bits: 22 }, mtu: 1400 };

test("services are known by their full names, and with their environment; other resolvers are not asked for them", () => {
  const named = (service: string, address: string, ports: readonly number[]) => ({
    ...{ service, address, public: [] },
    ways: ports.map((port) => ({ port, listen: port })),
  });
  const names = [
    named("shop", "198.18.0.2", [80]),
    named("shop.staging", "198.18.0.3", [80]),
    named("x", "198.18.0.4", []),
  ];
  const { config, hosts, servers } = resolverFiles(network, names);
  expect(hosts).toBe("198.18.0.2 shop.kiln.internal\n198.18.0.3 shop.staging.kiln.internal shop.staging\n");
  expect(servers).toBe("server=/kiln.internal/\nserver=/shop.staging/\n");
  const ipv6 = { prefix: "fd12:3456:789a", isOn: true };
  expect(
    resolverFiles({ ...network, ipv6 }, [{ ...named("shop", "198.18.0.2", [80]), ipv6: true }]).hosts,
  ).toBe("198.18.0.2 shop.kiln.internal\nfd12:3456:789a:1::2 shop.kiln.internal\n");
  expect(config).toContain("port=24000\nlisten-address=10.192.4.1\nbind-interfaces\n");
});
