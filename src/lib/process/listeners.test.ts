import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { endianness } from "node:os";
import { expect, test } from "vitest";
import { occupies, parseListeners } from "./listeners.ts";

const own = () =>
  parseListeners(...["tcp", "tcp6"].map((name) => readFileSync(`/proc/self/net/${name}`, "utf8")));

test.skipIf(endianness() === "BE").each([
  ["127.0.0.1", "loopback"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["0.0.0.0", "any"],
  ["::", "any"],
])("a real socket at %s is reached as %s", async (host, reach) => {
  const server = createServer();
  const failed = await new Promise<Error | undefined>((resolve) => {
    server.on("error", resolve);
    server.listen(0, host, () => resolve(undefined));
  });
  if (failed) return console.log(`Skipped: ${host} cannot be listened at here: ${failed.message}.`);
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  expect(own().filter((listener) => listener.port === port)).toMatchObject([
    { port, reach, address: host.replace("::ffff:", ""), family: host.includes(":") ? 6 : 4 },
  ]);
  await new Promise((done) => server.close(done));
  expect(own().filter((listener) => listener.port === port)).toEqual([]);
});

test("another address, and connections that do not listen", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0202DB0A:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0202DB0A:1F91 0102DB0A:0050 01 00000000:00000000 00:00000000 00000000     0        0 4712 1`;
  expect(parseListeners(table)).toEqual([
    { port: 8080, reach: "one", address: "10.219.2.2", family: 4, inode: "4711" },
  ]);
});

test("a port is taken where its listener is, and everywhere by one for every address", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0104C00A:5DC1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1`;
  const table6 = `  sl  local_address remote_address st
   0: 010000FD785634120000000001000000:5DC2 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4713 1`;
  const found = parseListeners(table, table6);
  const isTaken = (port: number, ...addresses: readonly string[]) =>
    found.some((l) => occupies(l, { port, addresses: addresses.length > 0 ? addresses : undefined }));
  expect(found.map(({ address }) => address)).toEqual(["10.192.4.1", "0.0.0.0", "fd00:1:1234:5678::1"]);
  expect([isTaken(24001, "10.192.4.1"), isTaken(24001, "10.192.8.1"), isTaken(24001)]).toEqual([
    true,
    false,
    true,
  ]);
  expect([isTaken(24002, "10.192.4.1", "fd00:1:1234:5678:0::1"), isTaken(24002, "::1")]).toEqual([
    true,
    false,
  ]);
  expect([isTaken(24001, "0.0.0.0"), isTaken(24001, "0:0::0"), isTaken(24003, "::")]).toEqual([
    true,
    true,
    false,
  ]);
  expect([isTaken(8080, "10.192.8.1"), isTaken(8081, "10.192.8.1")]).toEqual([true, false]);
});
