import { expect, test } from "vitest";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Difference } from "../checks/check.ts";
import { createLineReader } from "./network-monitor.ts";

test("a line from before a server was in sight is not about it, whatever number its namespace has got", async () => {
  const clock = new FakeClock();
  const told: Difference[] = [];
  const filtered: Subject[] = [];
  let changes = 0;
  let subjects: Subject[] = [];
  let learn = () => {};
  const stop = new AbortController();
  const server = {
    baseline: { namespaces: { net: "net:[7]" } },
    network: { links: ["lo", "eth0"], address: "10.0.0.2", prefixBits: 24, gateway: "10.0.0.1" },
  } as unknown as Subject;
  const numbers = Promise.withResolvers<ReadonlyMap<number, string>>();
  await using reader = createLineReader(
    {
      clock,
      inspector: {
        subjects: () => subjects,
        watch: (changed: () => void) => {
          learn = changed;
          return { [Symbol.dispose]: () => {} };
        },
      } as unknown as Parameters<typeof createLineReader>[0]["inspector"],
      tell: (_, difference) => told.push(difference),
      changed: () => {
        changes += 1;
      },
      filtered: (subject) => filtered.push(subject),
      lost: () => {},
      readNumbers: () => numbers.promise,
    },
    stop.signal,
  );
  const line = { nsid: 3, about: "NETCONF", isGone: false, text: "inet eth0 forwarding on" } as const;
  reader.read(line);
  await clock.advance(5);
  subjects = [server];
  learn();
  numbers.resolve(new Map([[3, "net:[7]"]]));
  await clock.advance(2_000);
  expect([told, changes]).toEqual([[], 1]);
  reader.read(line);
  expect(told).toMatchObject([{ subject: "sysctl inet of a link forwarding on" }]);
  reader.read({ nsid: 3, about: "FILTER", isGone: false, text: "" });
  expect([told.length, filtered]).toEqual([1, [server]]);
  stop.abort();
});
