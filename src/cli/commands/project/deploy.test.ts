import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { CheckRequest, Client, DeployRequest } from "../../api.ts";
import { cli } from "../../test-kit.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-d-");
  writeFileSync(join(folder, "hello"), "hello\n");
  writeFileSync(
    join(folder, "kiln.yaml"),
    `service: shop
image: { from: scratch, files: [{ from: ./hello, to: /hello, mode: "0755" }], command: [/hello] }
servers: { count: 1, port: 8080, secrets: [{ name: TOKEN }] }
traffic: { listen: 8081 }
`,
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

const home = () => join(folder, "state");
const run = (command: readonly string[], client: Partial<Client>) =>
  cli(command, { client, cwd: folder, home: home() });

test.each([
  ["deploy", false],
  ["plan", true], // a rollout is not in the way of a question
  ["deploy --supersede", true],
])("%s checks before it builds, and builds nothing when the check fails", async (command, supersede) => {
  const asked: CheckRequest[] = [];
  const check: Client["check"] = async (request) => {
    asked.push(request);
    throw new KilnError("port_taken", "Port 8081 is taken.");
  };
  const { code, stderr } = await run(command.split(" "), { check });
  expect([code, stderr]).toEqual([3, "error [port_taken] Port 8081 is taken.\n"]);
  expect(asked).toMatchObject([{ service: "shop", supersede, draft: { traffic: { listen: 8081 } } }]);
  expect(Object.keys(asked[0]?.draft ?? {})).not.toContain("image");
  expect(existsSync(home())).toBe(false);
});

test.each(["deploy", "plan"])("%s names the place of a target that does not exist", async (command) => {
  const check = async () => {
    throw new KilnError("target_unknown", "There is no target local.", { hint: "Did you mean loca?" });
  };
  const { code, stderr } = await run([command], { check });
  expect([code, stderr]).toEqual([
    2,
    `error [spec_invalid] ${folder}/kiln.yaml has 1 problem.\n  ${folder}/kiln.yaml:1:1: There is no target local.\n    Did you mean loca?\n`,
  ]);
  expect(existsSync(home())).toBe(false);
});

const digest = `sha256:${"0a".repeat(32)}`;
test.each([
  ["3", { serving: 3 }, { serving: 3 }],
  [digest, undefined, { plan: digest }], // a plan is known only with its image
])("deploy --expect %s is checked before and after the build", async (given, before, after) => {
  const asked: unknown[] = [];
  const check: Client["check"] = async ({ expect }) => {
    asked.push(expect);
    return { commit: undefined };
  };
  const deploy: Client["deploy"] = async ({ expect }) => {
    asked.push(expect);
    throw new KilnError("expectation_failed", "Something else is there.");
  };
  expect((await run(["deploy", "--expect", given], { check, deploy })).code).toBe(3);
  expect(asked).toEqual([before, after]);
});

test("a plan is that of the deploy, whatever runs", async () => {
  const asked: unknown[] = [];
  const plan: Client["plan"] = async ({ service, change }) => {
    asked.push(service, change);
    throw new KilnError("disk_full", "Enough was seen.");
  };
  await run(["plan"], { check: async () => ({ commit: undefined }), plan });
  const draft = expect.objectContaining({ image: expect.stringMatching(/^sha256:/), version: "1" });
  expect(asked).toEqual([
    "shop",
    expect.objectContaining({ kind: "deploy", supersede: true, count: 1, draft }),
  ]);
});

test("a deploy requests what was checked, plus the image", async () => {
  const asked: unknown[] = [];
  const check: Client["check"] = async ({ draft }) => {
    asked.push(draft);
    return { commit: undefined };
  };
  const deploy: Client["deploy"] = async ({ draft }) => {
    asked.push(draft);
    throw new KilnError("disk_full", "Enough was seen.");
  };
  expect((await run(["deploy"], { check, deploy })).code).toBe(1);
  const [before, after] = asked;
  expect(after).toEqual({
    ...(before as object),
    image: expect.stringMatching(/^sha256:/),
    version: "1",
  });
});

test.each([
  ["{ from: oci:/, command: [/a] }", "/ is outside the folder of kiln.yaml."],
  ["{ from: dockerfile:Dockerfile, network: internet }", "may not reach what this machine reaches"],
  [
    '{ from: debian:bookworm, allowSources: [local], sources: ["deb file:/srv bookworm main"], command: [/a] }',
    "reads files of this machine",
  ],
])("what a commit of a repository asks of this machine is refused: %s", async (image, words) => {
  const asked: unknown[] = [];
  const check: Client["check"] = async (request) => {
    asked.push(request);
    throw new KilnError("port_taken", "Port 8081 is taken.");
  };
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
  writeFileSync(
    join(folder, "kiln.yaml"),
    `service: shop\nimage: ${image}\nservers: { count: 1, port: 8080 }\ntraffic: { listen: 8081 }\n`,
  );
  const call = { client: { check }, cwd: folder, home: home() };
  const confined = await cli(["deploy"], { ...call, env: { KILN_CONFINED: "1" } });
  expect(confined).toMatchObject({ code: 3, stderr: expect.stringContaining(words) });
  expect(confined.stderr).toContain(`${folder}/kiln.yaml:2:`);
  expect(asked).toEqual([]);
  expect((await cli(["deploy"], call)).stderr).toContain("port_taken");
});

test("a deploy tells the commit, its repository and branch, and the commits since the one that serves", async () => {
  const git = (...args: string[]) =>
    exec(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.com", ...args]);
  const head = async () => (await git("rev-parse", "HEAD")).stdout.trim();
  await git("init", "-q", "-b", "main");
  await git("remote", "add", "origin", "https://ci:s3cret@example.com/shop.git");
  await git("add", ".");
  await git("commit", "-qm", "first");
  const served = await head();
  await git("commit", "-qm", "second", "--allow-empty");
  const commit = await head();
  const asked: DeployRequest[] = [];
  const deploy: Client["deploy"] = async (request) => {
    asked.push(request);
    throw new KilnError("disk_full", "Enough was seen.");
  };
  await run(["deploy"], { check: async () => ({ commit: served }), deploy });
  const [request] = asked;
  const committedAtMs = request?.origin?.committedAtMs ?? 0;
  expect(Math.abs(committedAtMs - Date.now())).toBeLessThan(600_000);
  expect(request?.origin).toEqual({
    // Its own state folder makes this checkout dirty.
    ...{ commit, dirty: true, committedAtMs, ref: "refs/heads/main" },
    ...{ repository: "https://example.com/shop.git", ci: undefined },
  });
  expect(request?.commits).toEqual({ newest: [{ id: commit, atMs: committedAtMs }], complete: true });
});

describe("a plan in a file", () => {
  const info: Client["info"] = async () => ({
    ...{ pid: 1, version: "0", home: "/", startedAtMs: 1, services: 0, servers: 0, installation: "here-1" },
  });
  const plan: Client["plan"] = async ({ service }) => ({
    ...{
      service,
      target: "local",
      serving: undefined,
      final: 1,
      rollout: undefined,
      changes: [],
      actions: [],
    },
    ...{ peakServers: 1, fewestInTraffic: 0, data: [], downtime: "none", digest },
  });
  const check: Client["check"] = async () => ({ commit: undefined });
  const planned = () => run(["plan", "--out", "shop.plan"], { check, plan, info });

  test("is what is deployed, whatever became of the sources of its image", async () => {
    expect(await planned()).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("kiln deploy shop.plan"),
    });
    const text = readFileSync(join(folder, "shop.plan"), "utf8");
    writeFileSync(join(folder, "hello"), "something else\n");
    const asked: DeployRequest[] = [];
    const deploy: Client["deploy"] = async (request) => {
      asked.push(request);
      return { service: "shop", release: 1, rollout: undefined, scaled: undefined };
    };
    expect((await run(["deploy", "shop.plan"], { check, info, deploy })).code).toBe(0);
    expect(asked).toMatchObject([
      { expect: { plan: digest }, supersede: true, draft: { image: JSON.parse(text).image.digest } },
    ]);
  });

  test("is not replaced without --force", async () => {
    await planned();
    expect(await planned()).toMatchObject({ code: 2, stderr: expect.stringContaining("--force") });
    expect((await run(["plan", "--out", "shop.plan", "--force"], { check, plan, info })).code).toBe(0);
  });

  test("needs a name that no service has", async () => {
    const { code, stderr } = await run(["plan", "--out", "shop"], {});
    expect([code, stderr]).toEqual([2, expect.stringContaining("such as shop.plan")]);
  });

  test.each([
    [
      "another installation",
      {},
      { info: async () => ({ ...(await info({})), installation: "other" }) },
      "was made on here-1",
    ],
    ["kiln.yaml", { "kiln.yaml": ["port: 8080", "port: 8090"] }, {}, "has changed since"],
    [
      "what serves",
      {},
      {
        deploy: async () => {
          throw new KilnError("expectation_failed", "Expected another plan.");
        },
      },
      "something has changed since",
    ],
  ] as const)("is refused when it does not fit: %s", async (_what, edits, client, words) => {
    await planned();
    for (const [name, [from, to]] of Object.entries(edits)) {
      const path = join(folder, name);
      writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
    }
    const { code, stderr } = await run(["deploy", "shop.plan"], { check, info, ...client });
    expect([code, stderr]).toEqual([3, expect.stringContaining(words)]);
    expect(stderr).toContain("Nothing was changed.");
  });

  test.each([
    ["--image", "1"],
    ["--env", "staging"],
    ["--expect", "3"],
  ])("does not go with %s", async (...option) => {
    await planned();
    expect((await run(["deploy", "shop.plan", ...option], { info })).code).toBe(2);
  });
});
