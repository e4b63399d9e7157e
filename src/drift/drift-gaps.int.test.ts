import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readIfThere } from "../lib/process/proc.ts";
import { until, whyNoContainers } from "../platform/local/test-host.ts";
import { missedNetwork } from "./gap.ts";
import { id, watchServers } from "./testing.ts";

const reason = whyNoContainers();
if (reason) console.log(`Gaps are not tested: ${reason}.`);

describe.skipIf(reason)("a server that Kiln could not see", () => {
  const w = watchServers();

  test("may have been changed unseen when tracing was off for an instant, which is reported", async () => {
    const instances = "/sys/kernel/tracing/instances";
    if (!existsSync(instances)) return console.log("Not tested: the kernel has no tracefs.");
    await until(() => w().drift.tier() === "kernel");
    const told = new Set<string>();
    const instance = readdirSync(instances).find((name) => name === `kiln-${w().t.state.tag}`) ?? "";
    const files = ["tracing_on", "events/syscalls/sys_exit_setns/enable"];
    for (const file of files) {
      told.clear();
      await w().restart();
      using _again = w().drift.watchNotices(({ kind, data }) => {
        const { reason, ms } = data;
        if (kind === "drift.gap") told.add(`${reason}: ${Number(ms) >= 0 && Number(ms) < 60_000}`);
      });
      await until(() => w().drift.tier() === "kernel");
      for (const value of ["0", "1"]) writeFileSync(join(instances, instance, file), value);
      await until(() => told.size > 0);
      expect([...told][0]).toBe("another program changed the trace settings: true");
    }
  });

  test("may have been changed unseen when the process that listens for changes of networks was killed, which is reported", async () => {
    const children = () =>
      readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").split(" ");
    const listens = (pid: string) => /^ip\0.*monitor/.test(readIfThere(`/proc/${pid}/cmdline`) ?? "");
    const listener = () => children().find(listens);
    await until(() => listener() !== undefined);
    const told = new Set<string>();
    using _gaps = w().drift.watchNotices(({ data }) => told.add(String(data.missed)));
    const first = listener();
    process.kill(Number(first), "SIGKILL");
    await until(() => told.has(missedNetwork));
    await until(() => listener() !== undefined && listener() !== first);
    await w().nsenter("-n", "ip", "rule", "add", "from", "192.0.2.1", "lookup", "77");
    expect(await w().finding("network", "^rule")).toMatchObject({ server: id });
  });
});
