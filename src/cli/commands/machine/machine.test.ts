import { mkdtempSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { aStatus } from "../../../controller/services/testing.ts";
import { aRelease, aRollout } from "../../../domain/testing.ts";
import type { ChangePlan, Client, StoredVersion } from "../../api.ts";
import { planLines } from "../../deploy/plan-text.ts";
import { systemdUnit } from "../../local-controller/systemd-unit.ts";
import { createStyle } from "../../output/style.ts";
import { reportLines, verdictLine } from "../../quickstart/report.ts";
import { cli } from "../../test-kit.ts";
import { findImages } from "../images/change.ts";
import { ofService } from "../images/images.ts";
import { doctorLines } from "./doctor.ts";

const style = createStyle(false);

const plan: ChangePlan = {
  service: "shop",
  target: "local",
  serving: aRelease(1),
  final: 2,
  rollout: undefined,
  changes: ["image: 1.1.0 -> 1.2.0"],
  actions: [
    { kind: "resize", service: "shop", release: 2, size: 1, reason: "raise the new group" },
    {
      kind: "route",
      service: "shop",
      shares: [
        { release: 1, share: 2 / 3 },
        { release: 2, share: 1 / 3 },
      ],
      reason: "ready",
    },
    { kind: "resize", service: "shop", release: 1, size: 2, reason: "lower the old group" },
    { kind: "resize", service: "shop", release: 2, size: 3, reason: "raise the new group" },
    {
      kind: "record",
      service: "shop",
      change: { kind: "step", rollout: 1, step: 1, atMs: 0 },
      reason: "noted",
    },
    { kind: "resize", service: "shop", release: 1, size: 0, reason: "lower the old group" },
  ],
  peakServers: 4,
  fewestInTraffic: 3,
  data: [],
  downtime: "none",
  digest: "sha256:d1",
};

test("a plan for a first release does not name a smallest number of servers", () => {
  const first: ChangePlan = { ...plan, serving: undefined };
  expect(planLines(first, style).at(-2)).toBe("Servers: at most 4 at one time.");
});

test("a service without images is not taken for an empty store", async () => {
  const home = mkdtempSync("/tmp/kiln-m-");
  const { code, stderr } = await cli(["images", "nope"], {
    home,
    client: { images: async () => [] },
  });
  rmSync(home, { recursive: true });
  expect([code, stderr]).toEqual([
    1,
    "error [image_unknown] nope has no images.\nhint `kiln build` builds one.\n",
  ]);
  const images = [{ service: "shop" }, { service: "cart" }] as StoredVersion[];
  expect(() => ofService(images, "shpo")).toThrow(expect.objectContaining({ hint: "Did you mean shop?" }));
  expect(() => ofService(images, "nope")).toThrow(
    expect.objectContaining({ hint: "Services with images: shop, cart." }),
  );
  expect(ofService(images, "cart")).toEqual([{ service: "cart" }]);
});

test("a plan shows actions, reasons, downtime and numbers of servers", () => {
  expect(planLines(plan, style)).toEqual([
    "shop: release 1 (1.1.0) serves.",
    "",
    "Changes",
    "  image: 1.1.0 -> 1.2.0",
    "",
    "Actions",
    "  1.  release 2: 1 server                            raise the new group",
    "  2.  traffic: 67 % to release 1, 33 % to release 2  ready",
    "  3.  release 1: 2 servers                           lower the old group",
    "  4.  release 2: 3 servers                           raise the new group",
    "  5.  release 1: 0 servers                           lower the old group",
    "",
    "Downtime: none",
    "Servers: at most 4 at one time, never fewer than 3 with traffic.",
    "Digest: sha256:d1",
  ]);
});

test("a plan without changes says so", () => {
  const nothing = { ...plan, changes: [], actions: [] };
  expect(planLines(nothing, style)).toEqual([
    "shop: release 1 (1.1.0) serves.",
    "Nothing would change.",
    "Digest: sha256:d1",
  ]);
});

test.each([
  [["rollback", "1"], { kind: "rollback", release: 1 }],
  [["scale", "5"], { kind: "scale", count: 5 }],
  [["remove"], { kind: "remove" }],
  [["rollout", "promote"], { kind: "promote" }],
  [["rollout", "abort"], { kind: "abort" }],
  [["rollout", "pause"], { kind: "pause" }],
  [["rollout", "resume"], { kind: "resume" }],
])("kiln %s --plan prints the plan and does nothing", async (words, change) => {
  const asked: unknown[] = [];
  const client: Partial<Client> = {
    services: async () => [aStatus()],
    plan: async (request) => {
      asked.push(request);
      return plan;
    },
  };
  const where = words[0] === "rollback" || words[0] === "scale" ? ["-s", "shop"] : ["shop"];
  const { code, stdout } = await cli([...words, ...where, "--plan"], { client });
  expect([code, stdout]).toEqual([0, `${planLines(plan, style).join("\n")}\n`]);
  expect(asked).toEqual([{ service: "shop", change }]);
  const json = await cli([...words, ...where, "--plan", "--json"], { client });
  expect(JSON.parse(json.stdout)).toMatchObject({ service: "shop", digest: "sha256:d1" });
});

test("a plan of a running rollout names it", () => {
  const paused: ChangePlan = { ...plan, rollout: aRollout({ phase: "paused" }) };
  expect(planLines(paused, style).slice(0, 2)).toEqual([
    "shop: release 1 (1.1.0) serves.",
    "Rollout 1, a deploy to release 2, is paused.",
  ]);
});

test("--expect takes a number or the digest of a plan", async () => {
  const digest = `sha256:${"0a".repeat(32)}`;
  const asked: unknown[] = [];
  const client: Partial<Client> = {
    services: async () => [aStatus()],
    pause: async ({ expect }) => {
      asked.push(expect);
      return aRollout();
    },
  };
  for (const given of ["7", digest]) await cli(["rollout", "pause", "shop", "--expect", given], { client });
  expect(asked).toEqual([{ rollout: 7 }, { plan: digest }]);
  const { code, stderr } = await cli(["rollout", "pause", "shop", "--expect", "sha256:0a"], { client });
  expect([code, stderr]).toEqual([2, expect.stringContaining("the digest of a plan")]);
});

test("the doctor names each gap with its remedy, and the verdict", () => {
  const gap = { what: "runc is missing", remedy: "apt-get install runc", severity: "fatal" } as const;
  const limit = { what: "no git", remedy: "apt-get install git", severity: "degraded" } as const;
  expect(doctorLines([{ name: "Running servers", facts: ["cgroup v2"], gaps: [gap, limit] }], style)).toEqual(
    [
      "Running servers",
      "  ok    cgroup v2",
      "  fail  runc is missing",
      "        apt-get install runc",
      "  warn  no git",
      "        apt-get install git",
      "",
      "Kiln cannot run servers here yet: 1 of 2 problems must be fixed.",
    ],
  );
  expect(doctorLines([{ name: "A", facts: [], gaps: [limit] }], style).at(-1)).toBe(
    "Kiln works here with reduced features.",
  );
});

test("the systemd unit quotes what needs it", () => {
  const unit = systemdUnit({
    argv: ["/opt/kiln 100%/node", "main.ts"],
    env: { KILN_HOME: "/var/lib/kiln", PATH: "/usr/bin" },
    home: "/var/lib/kiln",
  });
  expect(unit).toContain('ExecStart="/opt/kiln 100%%/node" main.ts\n');
  expect(unit).toContain("Environment=KILN_HOME=/var/lib/kiln PATH=/usr/bin\n");
  for (const line of ["Type=simple", "KillMode=process", "Delegate=yes", "Restart=always"]) {
    expect(unit.split("\n")).toContain(line);
  }
});

test("a unit whose controller serves metrics, on an address that only this machine reaches", async () => {
  const { code, stdout } = await cli(["controller", "unit", "--metrics", "127.0.0.1:9645"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^ExecStart=.* --metrics 127\.0\.0\.1:9645$/m)]);
  for (const command of ["unit", "run"]) {
    const refused = await cli(["controller", command, "--metrics", "0.0.0.0:9645"]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("not a loopback address")]);
  }
});

test("images are found by version or by digest, and the nearest is named", () => {
  const image = (service: string, version: string, digit: string): StoredVersion => ({
    service,
    version,
    digest: `sha256:${digit.repeat(64)}`,
    contentDigest: "",
    bytes: 1,
    createdAtMs: 0,
    pinned: false,
    usedBy: [],
  });
  const images = [image("shop", "1.0.0", "a"), image("shop", "1.1.0", "b"), image("cart", "7", "b")];
  expect(findImages(images, "shop:1.0.0")).toEqual([images[0]]);
  expect(findImages(images, "bbbbbbbb")).toEqual([images[1], images[2]]);
  expect(findImages(images, `sha256:${"a".repeat(64)}`)).toEqual([images[0]]);
  expect(() => findImages(images, "shop:1.0.1")).toThrow(
    expect.objectContaining({ code: "image_unknown", hint: "Did you mean shop:1.0.0?" }),
  );
  expect(() => findImages(images, "bbb")).toThrow(expect.objectContaining({ code: "image_unknown" }));
});

test("the quickstart's table counts what was served and lost", () => {
  const load = { served: 1200, lost: 0, losses: [], medianMs: 1.23, p99Ms: 8 };
  const steps = [
    { step: "Build", ms: 6_100 },
    { step: "Deploy again", ms: 3_000, load },
    { step: "Roll back", ms: 400, load: { ...load, served: 1, lost: 1, losses: ["status 503"] } },
  ];
  expect(reportLines(steps, style)).toEqual([
    "STEP          TIME    SERVED  LOST  MEDIAN  P99",
    "Build         6.1 s   -       -     -       -",
    "Deploy again  3.0 s   1200    0     1.2 ms  8.0 ms",
    "Roll back     0.40 s  1       1     1.2 ms  8.0 ms",
    "",
    "Lost requests:",
    "  status 503",
  ]);
  expect(verdictLine(steps, style)).toBe(
    "1201 requests served, 1 lost, while all servers were replaced twice, and one more after it was entered.",
  );
});
