import { expect } from "vitest";
import { exec as run } from "../../../lib/process/exec.ts";
import { call, eventually, taint } from "../subject.ts";
import type { PlatformTest } from "./fixture.ts";

/** Servers that are kept apart, and people who are let into them. */
export function quarantineTests(test: PlatformTest): void {
  test("a quarantined server has no traffic any more, and the group makes another", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.platform.quarantine === undefined) return skip("this platform keeps no servers apart");
    const [id = "", other = ""] = await world.serve(1, 2);
    expect(await subject.platform.quarantine(id, taint, call)).toMatchObject({ server: id });
    expect((await world.servers(1)).find((s) => s.id === id)?.inTraffic ?? false).toBe(false);
    await eventually(subject, "a replacement", async () => {
      const ready = (await world.servers(1)).filter((s) => s.state === "ready").map((s) => s.id);
      return ready.length === 2 && ready.includes(other) && !ready.includes(id);
    });
  });

  test("a server in quarantine stays there under a new controller, and can be destroyed", async ({
    subject,
    world,
    skip,
  }) => {
    if (subject.restart === undefined) return skip("this subject has no controller to restart");
    if (subject.platform.quarantine === undefined) return skip("this platform keeps no servers apart");
    const [id = ""] = await world.serve(1, 2);
    await subject.platform.quarantine(id, taint, call);
    await subject.restart();
    await subject.platform.quarantine(id, taint, call);
    const found = (await world.servers(1)).find((s) => s.id === id);
    expect(found).toMatchObject({ state: "quarantined", inTraffic: false });
    await subject.platform.destroy(id, call);
    await world.absent(1, id);
  });

  test("a command that someone runs in a server has its streams and its exit code, and the server comes into quarantine afterwards", async ({
    subject,
    world,
    skip,
  }) => {
    const { exec } = subject.platform;
    if (exec === undefined) return skip("this platform lets no one in");
    const { shell = [] } = subject;
    const [id = ""] = await world.serve(1, 2);
    const command = [...shell, "read word; echo heard $word; echo oops >&2; exit 7"];
    await expect(exec.check(id, ["nonsense"], call)).rejects.toMatchObject({ code: "command_missing" });
    await exec.check(id, command, call);
    for (const _ of [1, 2]) await exec.isolate(id, call);
    const { argv } = await exec.enter({ server: id, session: 1, command, terminal: false }, call);
    await subject.restart?.();
    const find = async () => (await world.servers(1)).find((s) => s.id === id);
    expect(await find()).toMatchObject({ state: "quarantined", inTraffic: false });
    const [program = "", ...args] = argv;
    const ran = await run([program, ...args], { input: "hello\n", accept: "any" });
    expect(ran).toMatchObject({
      code: 7,
      stdout: "heard hello\n",
      stderr: expect.stringContaining("oops\n"),
    });
    const unknown = { server: "unknown", session: 2, command, terminal: false };
    await expect(exec.enter(unknown, call)).rejects.toMatchObject({ code: "server_unknown" });
    await subject.platform.quarantine?.(id, taint, call);
    await subject.platform.destroy(id, call);
    await world.absent(1, id);
    await expect(subject.platform.exec?.isolate(id, call)).rejects.toMatchObject({
      code: "server_unknown",
    });
  });

  test("quarantine knows no unknown server", async ({ subject, skip }) => {
    if (subject.platform.quarantine === undefined) return skip("this platform keeps no servers apart");
    const refused = subject.platform.quarantine("unknown", taint, call);
    await expect(refused).rejects.toMatchObject({ code: "server_unknown" });
  });
}
