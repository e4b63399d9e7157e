import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { aServer, aStatus } from "../../controller/services/testing.ts";
import type { Rollout, RolloutPhase } from "../../domain/rollout/rollout.ts";
import { aFailure, aRelease, aRollout } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { Client, KilnEvent } from "../api.ts";
import { cli } from "../test-kit.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-cli-"));
});
afterEach(() => rm(folder, { recursive: true }));

const shop = { services: async () => [aStatus()] } satisfies Partial<Client>;

async function* none(): AsyncGenerator<KilnEvent> {}

/** A client whose rollout passes through these phases, one a look. */
function rollingOut(...phases: readonly RolloutPhase[]): Partial<Client> {
  const left = [...phases];
  const rollout = (): Rollout => {
    const phase = left.length > 1 ? left.shift() : left[0];
    const ended = phase !== "forward" && phase !== "back";
    return aRollout({
      kind: "rollback",
      phase: phase ?? "forward",
      endedAtMs: ended ? 2_000 : undefined,
      reason: phase === "complete" ? undefined : "2 servers failed.",
    });
  };
  return {
    services: async () => [
      aStatus({
        failures: [aFailure({ atMs: 5, logTail: ["bind: \u001b[31mno"], probes: ["GET / refused"] })],
      }),
    ],
    rollout: async () => rollout(),
    rollback: async () => ({ service: "shop", release: 2, rollout: 1, scaled: undefined }),
    events: async function* (_, { signal } = {}) {
      const atMs = Date.now();
      yield { sequence: 1, atMs, service: "shop", kind: "rollout.started", message: "Begun.", data: {} };
      yield { sequence: 2, atMs, service: "shop", kind: "rollout.progress", message: "Again.", data: {} };
      if (!signal?.aborted) await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    },
  };
}

test("status and rollout show print the address of the preview", async () => {
  const preview = { release: 3, address: "http://localhost:8081" };
  const rollout = aRollout({ phase: "paused", from: 2, to: 3 });
  const client: Partial<Client> = { services: async () => [aStatus({ preview, rollout })] };
  const shown = await cli(["rollout", "show", "shop"], { client, cwd: folder });
  expect(shown.stdout).toContain("preview http://localhost:8081 (only release 3)");
  const { stdout } = await cli(["status", "shop"], { client, cwd: folder });
  expect(stdout).toMatch(/preview +http:\/\/localhost:8081 \(only release 3\)/);
  const json = JSON.parse((await cli(["status", "shop", "--json"], { client, cwd: folder })).stdout);
  expect(json[0].preview).toEqual(preview);
});

test("status without a kiln.yaml lists every service", async () => {
  expect((await cli(["status"], { client: shop, cwd: folder })).stdout).toBe(
    [
      "SERVICE  RELEASE  VERSION  READY  ADDRESS                STATE",
      "shop     2        1.2.0    3/3    http://localhost:8080  serving",
      "",
    ].join("\n"),
  );
});

test("status shows each address that the platform has seen, and warnings", async () => {
  const addresses = ["http://localhost:8080", "https://shop.example.com"];
  const warnings = [{ message: "The certificate expires in 2 days.", hint: "Renew it." }];
  const client = { services: async () => [aStatus({ addresses, warnings })] };
  const all = (await cli(["status"], { client, cwd: folder })).stdout;
  expect(all).toMatch(/http:\/\/localhost:8080, https:\/\/shop.example.com +serving, with a warning/);
  const one = (await cli(["status", "shop"], { client, cwd: folder })).stdout;
  for (const address of addresses) expect(one).toContain(`address  ${address}\n`);
  expect(one).toContain("  Warning: The certificate expires in 2 days. Renew it.\n");
});

test("status next to a kiln.yaml is about its service, even while the file is broken", async () => {
  await writeFile(join(folder, "kiln.yaml"), "service: shop # ours\nimage: {{{\n");
  const client = {
    services: async () => [
      aStatus({
        serving: undefined,
        servers: [aServer({ state: "starting", health: "connection refused" })],
      }),
    ],
  };
  const { stdout } = await cli(["status"], { client, cwd: folder });
  expect(stdout).toContain("shop  nothing serves\n");
  expect(stdout).toMatch(/shop-2-1-1 {2}starting {2}2 {8}10\.0\.0\.2 {2}\d+ d {2}connection refused/);
});

test("a service that is not deployed yet is an error only when it was named", async () => {
  await writeFile(join(folder, "kiln.yaml"), "service: shop\n");
  const client: Partial<Client> = {
    services: async () => [aStatus({ service: "shop2" })],
  };
  expect(await cli(["status"], { client, cwd: folder })).toMatchObject({
    code: 0,
    stdout: "shop is not deployed yet. `kiln deploy` deploys it.\n",
  });
  const named = await cli(["status", "shpo2"], { client, cwd: folder });
  expect(named.code).toBe(1);
  expect(named.stderr).toBe(
    "error [service_unknown] No service shpo2 is deployed here.\nhint Did you mean shop2?\n",
  );
});

test("a command that needs a service says so if there is none", async () => {
  const { code, stderr } = await cli(["history"], { client: shop, cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toContain(`There is no kiln.yaml in ${folder}.`);
  expect(stderr).toContain("Name the service");
});

test("a file with several services needs the name of one", async () => {
  await writeFile(join(folder, "kiln.yaml"), "service: shop\n---\nservice: cart\n");
  const { code, stderr } = await cli(["history"], { client: shop, cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toContain("describes several services: shop, cart.");
});

test("--env names the service's key", async () => {
  const asked: unknown[] = [];
  const client: Partial<Client> = {
    status: async ({ service }) => {
      asked.push(service);
      return aStatus({ service: "shop.staging" });
    },
  };
  await cli(["servers", "shop", "--env", "staging"], { client, cwd: folder });
  await cli(["servers", "shop.staging", "--env", "staging"], { client, cwd: folder });
  expect(asked).toEqual(["shop.staging", "shop.staging"]);
});

const stagedFile = `service: shop
image: { from: scratch, command: [/bin/true] }
environments: { staging: { servers: { count: 1 } } }
`;

test.each([
  [["status"]],
  [["status", "shop"]],
  [["servers"]],
  [["secret", "set", "TOKEN"]],
  [["secret", "ls", "shop"]],
])("%j refuses an environment that kiln.yaml does not have, as deploy does", async (argv) => {
  await writeFile(join(folder, "kiln.yaml"), stagedFile);
  const { code, stderr } = await cli([...argv, "--env", "stagin"], { cwd: folder, stdin: "x" });
  expect(code).toBe(2);
  expect(stderr).toContain(`There is no environment \`stagin\` in ${join(folder, "kiln.yaml")}.`);
  expect(stderr).toContain("Did you mean `staging`?");
});

test("an environment is accepted when the file cannot be read, and for a service of another file", async () => {
  await writeFile(join(folder, "kiln.yaml"), "service: shop\nimage: {{{\n");
  const client: Partial<Client> = { status: async ({ service }) => aStatus({ service }) };
  const status = async (...argv: readonly string[]) =>
    (await cli(["status", ...argv, "--env", "new"], { client, cwd: folder })).stdout.split(" ")[0];
  expect(await status()).toBe("shop.new");
  await writeFile(join(folder, "kiln.yaml"), stagedFile);
  expect(await status("cart")).toBe("cart.new");
});

test("servers as JSON is exactly one document", async () => {
  const { stdout, stderr } = await cli(["servers", "--json"], { client: shop, cwd: folder });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toHaveLength(3);
});

test("history shows what a rollback would find", async () => {
  const client: Partial<Client> = {
    ...shop,
    history: async () => ({
      releases: [
        { release: aRelease(1), state: "warm" },
        { release: aRelease(2), state: "serving" },
      ],
      rollouts: [
        {
          ...aRollout({ phase: "complete", endedAtMs: 3_500, changes: ["port: 80 -> 8080"] }),
          origin: { commit: "a".repeat(40), dirty: true, ci: "https://ci.example.com/7" },
          phases: { raisingMs: 1_000, movingMs: 0, holdingMs: 2_500 },
        },
      ],
    }),
  };
  const { stdout } = await cli(["history", "shop"], { client, cwd: folder });
  expect(stdout.split("\n").map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, "TIME"))).toEqual([
    "RELEASE  VERSION  IMAGE                MADE                 BY           STATE",
    "2        1.2.0    sha256:000000000000  TIME  ada@example  serving",
    "1        1.1.0    sha256:000000000000  TIME  ada@example  warm",
    "",
    "ROLLOUT  KIND    RELEASES  STARTED              TOOK   BY           END",
    "1        deploy  1 -> 2    TIME  3.5 s  ada@example  complete",
    "",
    "Rollout 1",
    "  port: 80 -> 8080",
    "  git aaaaaaaaaaaa, with uncommitted changes",
    "  CI https://ci.example.com/7",
    "  raising 1.0 s, moving traffic 0.00 s, holding 2.5 s",
    "",
  ]);
});

test("a rollback is followed to its end", async () => {
  const client = rollingOut("forward", "forward", "complete");
  const { code, stdout, stderr } = await cli(["rollback", "--service", "shop"], { client, cwd: folder });
  expect(code).toBe(0);
  expect(stderr).toContain("Begun.");
  expect(stderr).not.toContain("Again.");
  expect(stdout).toBe(
    "Done shop release 2 (1.2.0) serves with 3 servers, in 2.0 s.\n  http://localhost:8080\n",
  );
});

test("a rollout that was rolled back ends with 4, and shows what the failed server said", async () => {
  const client = rollingOut("forward", "back", "rolled-back");
  const { code, stdout, stderr } = await cli(["rollback", "-s", "shop"], { client, cwd: folder });
  expect(code).toBe(4);
  expect(stderr).toMatch(
    /failed shop-2-1-1 exited with code 1 .*\n {2}probe {2}GET \/ refused\n {2}Last output:\n {2}\| bind: no\n/,
  );
  expect(stdout).toBe(
    "Rolled back shop, release 2 -> 1, after 2.0 s: 2 servers failed.\n  Release 1 serves as before.\n",
  );
});

test("a rollback that ends a running deploy is a success", async () => {
  const rollout = async () => aRollout({ kind: "deploy", phase: "rolled-back", endedAtMs: 2_000 });
  const client = { ...rollingOut("rolled-back"), rollout };
  expect((await cli(["rollback", "-s", "shop"], { client, cwd: folder })).code).toBe(0);
});

test.each<[RolloutPhase, number]>([
  ["complete", 0],
  ["failed", 1],
  ["superseded", 1],
  ["paused", 1],
  ["rolled-back", 4],
])("a rollout that ends as %s makes the exit code %i, also with --json", async (phase, expected) => {
  const { code, stdout, stderr } = await cli(["rollback", "-s", "shop", "--json"], {
    client: rollingOut(phase),
    cwd: folder,
  });
  expect([code, stderr]).toEqual([expected, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ service: "shop", release: 2, phase });
});

test("following continues with the next controller", async () => {
  const client = rollingOut("forward", "forward", "forward", "complete");
  let ended = false;
  const events: Client["events"] = async function* (...asked) {
    if (!ended) {
      ended = true;
      throw new KilnError("controller_unreachable", "gone");
    }
    yield* client.events?.(...asked) ?? none();
  };
  const { code, stderr } = await cli(["rollback", "-s", "shop"], {
    client: { ...client, events },
    cwd: folder,
  });
  expect(code).toBe(0);
  expect(stderr).toContain("The controller has ended; starting it again.");
});

test("rollout show -f ends with the exit code of the rollout, also of one that has ended", async () => {
  const history = async () => ({
    releases: [],
    rollouts: [{ ...aRollout({ phase: "rolled-back", endedAtMs: 1 }), phases: {} }],
  });
  const client = { ...rollingOut("rolled-back"), history };
  expect((await cli(["rollout", "show", "shop"], { client, cwd: folder })).code).toBe(0);
  expect((await cli(["rollout", "show", "shop", "-f"], { client, cwd: folder })).code).toBe(4);
});

test("Ctrl-C stops following and says that the rollout continues", async () => {
  const stop = new AbortController();
  const client = rollingOut("forward");
  const services: Client["services"] = async () => {
    setImmediate(() => stop.abort());
    return [aStatus()];
  };
  const { code, stderr } = await cli(["rollback", "-s", "shop"], {
    client: { ...client, services },
    cwd: folder,
    signal: stop.signal,
  });
  expect(code).toBe(1);
  expect(stderr).toContain(
    "error [cancelled] Rollout 1 of shop continues in the controller; only the display has stopped.",
  );
  expect(stderr).toContain(
    "`kiln rollout show shop -f` follows it again; `kiln rollout abort shop` rolls it back.",
  );
});

test("--no-wait returns at once", async () => {
  const { code, stdout } = await cli(["rollback", "-s", "shop", "--no-wait"], {
    client: rollingOut("forward"),
    cwd: folder,
  });
  expect(code).toBe(0);
  expect(stdout).toContain("Rollout 1 of shop to release 2 has begun.");
});

test("an abort that brings the old release back is a success", async () => {
  const client = {
    ...rollingOut("back", "back", "rolled-back"),
    abort: async () => aRollout({ phase: "back" }),
  };
  expect((await cli(["rollout", "abort", "shop"], { client, cwd: folder })).code).toBe(0);
});

test("scale waits until all are ready", async () => {
  let looks = 0;
  const client: Partial<Client> = {
    scale: async () => ({ service: "shop", release: 2, rollout: undefined, scaled: { from: 3, to: 4 } }),
    services: async () => {
      looks += 1;
      const newcomer = aServer({ id: "shop-2-4-1", state: looks < 4 ? "starting" : "ready" });
      return [aStatus({ count: 4, servers: [...aStatus().servers, newcomer] })];
    },
  };
  const { code, stdout } = await cli(["scale", "4", "-s", "shop"], { client, cwd: folder });
  expect([code, stdout]).toEqual([0, "shop was scaled from 3 to 4 servers.\n"]);
  expect(looks).toBe(4);
});

test("scale reports a server that fails meanwhile", async () => {
  const client: Partial<Client> = {
    scale: async () => ({ service: "shop", release: 2, rollout: undefined, scaled: { from: 3, to: 4 } }),
    services: async () => [aStatus({ count: 4, failures: [aFailure({ atMs: Date.now() + 60_000 })] })],
  };
  const { code, stderr } = await cli(["scale", "4", "-s", "shop"], { client, cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toContain("error [server_failed] shop-2-1-1 failed: exited with code 1");
});

const aVolume = { service: "shop", name: "data", createdAtMs: 0, servers: [], snapshots: [] };

test("remove asks, and needs --yes when no one can answer", async () => {
  const removed: string[] = [];
  const client: Partial<Client> = {
    services: async () => (removed.length === 0 ? [aStatus()] : []),
    remove: async ({ service }) => void removed.push(service),
    volumes: async () => [aVolume],
    removeVolume: async ({ service, name }) => void removed.push(`${name} of ${service}`),
  };
  const refused = await cli(["remove", "shop", "--json"], { client, cwd: folder });
  expect([refused.code, removed]).toEqual([2, []]);
  expect(JSON.parse(refused.stdout).error.message).toBe(
    "This removes shop with its 3 servers and all its releases.",
  );
  const done = await cli(["remove", "shop", "--yes"], { client, cwd: folder });
  expect([done.code, removed]).toEqual([0, ["shop"]]);
  expect(done.stdout).toMatch(/^shop is gone, after .*The data of its volumes stays \(data\)/s);
  removed.length = 0;
  const all = await cli(["remove", "shop", "--volumes", "--json"], { client, cwd: folder });
  expect(JSON.parse(all.stdout).error.message).toContain("its volumes with all their data (data)");
  await cli(["remove", "shop", "--volumes", "--yes"], { client, cwd: folder });
  expect(removed).toEqual(["shop", "data of shop"]);
});

test("events are lines, or lines of JSON", async () => {
  const client = { events: rollingOut("forward").events } as Partial<Client>;
  const stop = AbortSignal.timeout(1_000);
  const { stdout } = await cli(["audit", "-f", "--json"], { client, cwd: folder, signal: stop });
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { sequence: 1, message: "Begun." },
    { sequence: 2, message: "Again." },
  ]);
});

const anEvent: KilnEvent = {
  ...{ sequence: 1, atMs: 1, service: "shop", kind: "server.ready", message: "i-0f3a is ready", data: {} },
};

test.each<[readonly string[], object, string]>([
  [["--tail", "all"], {}, "Nothing has happened yet."],
  [[], { newest: 100 }, "Nothing has happened yet."],
  [["--since", "2h"], { sinceMs: Date.UTC(2026, 4, 1, 6) }, "Nothing has happened since then."],
  [
    ["--since", "2026-05-01T07:00Z", "-n", "5"],
    { sinceMs: Date.UTC(2026, 4, 1, 7), newest: 5 },
    "since then.",
  ],
  [["log", "-s", "shop.staging"], { newest: 100, service: "shop.staging" }, "happened to shop.staging yet."],
  [["--subject", "i-0f3a"], { newest: 100, server: "i-0f3a" }, "happened to i-0f3a yet."],
])("audit %j sends the right query", async (args, query, remark) => {
  const asked: unknown[] = [];
  const client: Partial<Client> = {
    events: (given) => {
      // Whether the log knows a server of that name.
      if (given?.newest === 1)
        return (async function* () {
          if (given?.server === "i-0f3a") yield anEvent;
        })();
      asked.push(given);
      return (async function* () {})();
    },
  };
  const clock = { ...systemClock, now: () => Date.UTC(2026, 4, 1, 8) };
  const { code, stderr } = await cli(["audit", ...args], { client, cwd: folder, clock });
  expect([code, asked]).toEqual([0, [query]]);
  expect(stderr).toContain(remark);
});

test("audit --since wants a time", async () => {
  const { code, stderr } = await cli(["audit", "--since", "yesterday"], { cwd: folder });
  expect([code, stderr]).toEqual([2, expect.stringContaining("30m, 2h, 3d")]);
});

test("init writes a kiln.yaml that loads, and never overwrites one", async () => {
  const first = await cli(["init"], { cwd: folder });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(await readdir(folder)).toContain("kiln.yaml");
  const second = await cli(["init"], { cwd: folder });
  expect(second.code).toBe(2);
  expect(second.stderr).toContain("kiln.yaml already exists.");
});

test("init --from takes over a Compose file once, and what it writes stays in its folder", async () => {
  const compose = (text: string) => writeFile(join(folder, "compose.yml"), text);
  const init = () => cli(["init", "--from", "compose.yml"], { cwd: folder });
  await compose("services: { web: { image: 'nginx:1.27', ports: ['80:eighty'] } }");
  const wrong = await init();
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringContaining("compose.yml:1:49: `80:eighty` is not a port"),
  ]);
  expect(await readdir(folder)).not.toContain("kiln.yaml");
  await symlink("/tmp", join(folder, "elsewhere"));
  await compose("services: { web: { build: ./elsewhere } }");
  expect((await init()).stderr).toContain("The build context ./elsewhere is not a folder");
  await compose(
    "services: { web: { image: 'nginx:1.27', ports: ['80:80'], env_file: elsewhere/x, tty: true } }",
  );
  const done = await init();
  expect([done.code, done.stderr]).toEqual([0, ""]);
  expect(done.stdout).toMatch(
    /^Wrote kiln.yaml \(web\)\ncompose.yml:1:11 .*\n.*\ncompose.yml:1:69 web: The file elsewhere\/x/,
  );
  const again = await init();
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("kiln.yaml already exists.")]);
});

test("init --from writes all of its files, or none", async () => {
  const project = join(folder, "two");
  await mkdir(join(project, "api"), { recursive: true });
  await writeFile(join(project, "api/Dockerfile"), "FROM scratch\n");
  await writeFile(
    join(project, "compose.yml"),
    "services: { web: { image: 'nginx:1.27' }, api: { build: ./api } }",
  );
  await symlink("missing", join(project, "api/kiln.yaml"));
  const { code, stderr } = await cli(["init", "--from", "compose.yml"], { cwd: project });
  expect([code, stderr]).toEqual([2, expect.stringContaining("api/kiln.yaml already exists.")]);
  expect((await readdir(project)).toSorted()).toEqual(["api", "compose.yml"]);
});

test("schema prints a JSON Schema with and without --json", async () => {
  const plain = await cli(["schema"]);
  expect(JSON.parse(plain.stdout)).toEqual(JSON.parse((await cli(["schema", "--json"])).stdout));
  expect(JSON.parse(plain.stdout)).toHaveProperty("$schema");
});
