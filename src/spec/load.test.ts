import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { loadSpecs } from "./load.ts";

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp("/tmp/kiln-");
  file = join(folder, "kiln.yaml");
  await mkdir(join(folder, "site"));
  await writeFile(join(folder, "nginx.conf"), "");
  await writeFile(join(folder, "app.conf"), "");
  await symlink("site", join(folder, "linked-site"));
});

afterAll(() => rm(folder, { recursive: true }));

async function load(
  text: string | Uint8Array,
  options?: Parameters<typeof loadSpecs>[1],
): Promise<ServiceSpec[]> {
  await writeFile(file, text);
  return loadSpecs(file, options);
}

async function loadOne(text: string, options?: Parameters<typeof loadSpecs>[1]): Promise<ServiceSpec> {
  const [spec, ...others] = await load(text, options);
  if (!spec || others.length > 0) throw new Error("expected one service");
  return spec;
}

const shop = `
service: shop
image:
  version: 1.10
  from: debian:bookworm
  packages: [nginx, curl=7.88.1-10]
  files:
    - { from: ./site, to: /srv/www }
    - { from: nginx.conf, to: /etc/nginx/nginx.conf, mode: "0640", owner: root:33 }
  user: www-data
  command: [nginx, -g, daemon off;, 1.50, true]
servers:
  count: 3
  port: 8080
  env: { LOG_LEVEL: info, RATIO: 1.0, DEBUG: false, HEX: 0x1F, EMPTY: "" }
  memory: 256MiB
  cpus: 0.5
  writable: [/run, /tmp]
  secrets: [DB_PASSWORD, { name: TLS_KEY, path: /etc/tls/key.pem }, { name: API_KEY, env: TOKEN }]
  files:
    - { from: app.conf, to: /etc/app/app.conf }
    - { from: app.conf, to: /etc/app/more.conf, mode: "0400" }
health: { http: "/healthz?full=1", interval: 500ms, deadline: 1h30m }
traffic: { listen: 8080, host: Shop.Example.com }
environments:
  staging: { servers: { count: 1, env: { LOG_LEVEL: debug }, writable: [/run] }, traffic: { host: null } }
  small: {}
`;

test("every key is read, with converted units and absolute paths", async () => {
  expect(await loadOne(shop)).toEqual({
    service: "shop",
    environment: undefined,
    target: "local",
    image: {
      version: "1.10",
      from: { kind: "debian", suite: "bookworm" },
      packages: ["nginx", "curl=7.88.1-10"],
      sources: [],
      skipScripts: [],
      files: [
        { from: join(folder, "site"), to: "/srv/www", mode: undefined, owner: undefined },
        { from: join(folder, "nginx.conf"), to: "/etc/nginx/nginx.conf", mode: 0o640, owner: "root:33" },
      ],
      exclude: [],
      users: [],
      folders: [],
      links: [],
      env: {},
      labels: {},
      user: "www-data",
      command: ["nginx", "-g", "daemon off;", "1.50", "true"],
    },
    count: 3,
    shape: {
      port: 8080,
      env: { LOG_LEVEL: "info", RATIO: "1.0", DEBUG: "false", HEX: "0x1F", EMPTY: "" },
      memoryBytes: 256 * 1024 * 1024,
      cpus: 0.5,
      writable: ["/run", "/tmp"],
    },
    secrets: [
      { name: "DB_PASSWORD", delivery: { kind: "file", path: "/run/secrets/DB_PASSWORD" } },
      { name: "TLS_KEY", delivery: { kind: "file", path: "/etc/tls/key.pem" } },
      { name: "API_KEY", delivery: { kind: "env", variable: "TOKEN" } },
    ],
    files: [
      { from: join(folder, "app.conf"), to: "/etc/app/app.conf", mode: 0o444 },
      { from: join(folder, "app.conf"), to: "/etc/app/more.conf", mode: 0o400 },
    ],
    health: {
      check: { kind: "http", path: "/healthz?full=1" },
      intervalMs: 500,
      timeoutMs: 1000,
      ready: 2,
      unready: 3,
      deadlineMs: 5_400_000,
    },
    traffic: { mode: "http", listen: 8080, host: "shop.example.com" },
    rollout: {
      strategy: "rolling",
      steps: [],
      promote: "auto",
      surge: 1,
      unavailable: 0,
      bakeMs: 10_000,
      drainMs: 30_000,
      keepWarmMs: 300_000,
      progressDeadlineMs: 600_000,
      onFailure: "rollback",
    },
    upkeep: { drift: { response: "replace", maxConcurrent: { share: 0.1 }, ignore: [] } },
    jobs: [],
  } satisfies ServiceSpec);
});

test("an environment is merged at every depth; lists replace, null removes", async () => {
  const spec = await loadOne(shop, { environment: "staging" });
  expect(spec.environment).toBe("staging");
  expect(spec.count).toBe(1);
  expect(spec.shape.env).toMatchObject({ LOG_LEVEL: "debug", RATIO: "1.0" });
  expect(spec.shape.writable).toEqual(["/run"]);
  expect(spec.traffic).toEqual({ mode: "http", listen: 8080, host: undefined });
});

describe("unknown names", () => {
  test("an environment", async () => {
    await expect(load(shop, { environment: "stagign" })).rejects.toMatchObject({
      code: "usage",
      message: `There is no environment \`stagign\` in ${file}.`,
      hint: "Did you mean `staging`?",
    });
  });

  test("a service", async () => {
    await expect(load(shop, { only: "blog" })).rejects.toMatchObject({
      code: "usage",
      hint: "It has: shop.",
    });
  });
});

const minimal = (name: string) => `service: ${name}\nimage: { from: scratch, command: [/app] }\n`;

test("several services in one file, all or one", async () => {
  const text = `${minimal("a")}---\n${minimal("b")}`;
  expect((await load(text)).map((spec) => spec.service)).toEqual(["a", "b"]);
  expect((await load(text, { only: "b" })).map((spec) => spec.service)).toEqual(["b"]);
});

test("every requested service must have the environment", async () => {
  const text = `${minimal("a")}environments: { staging: {} }\n---\n${minimal("b")}`;
  expect(await load(text, { environment: "staging", only: "a" })).toHaveLength(1);
  await expect(load(text, { environment: "staging" })).rejects.toMatchObject({
    code: "usage",
    message: `There is no environment \`staging\` in the service \`b\` of ${file}.`,
  });
});

test.each([
  ["", "alive"],
  ["servers: { port: 80 }", "tcp"],
  ["servers: { port: 80 }\nhealth: { tcp: true }", "tcp"],
  ["servers: { port: 80 }\nhealth: { http: / }", "http"],
])("the check of %j is %s", async (more, kind) => {
  expect((await loadOne(`${minimal("a")}${more}\n`)).health.check.kind).toBe(kind);
});

test("an OCI base may be anywhere, and may name one of several images", async () => {
  const from = async (base: string) => (await loadOne(`service: a\nimage: { from: "${base}" }\n`)).image.from;
  expect(await from("oci:site")).toEqual({ kind: "oci", path: join(folder, "site"), ref: undefined });
  expect(await from("oci:/etc#v1.0")).toEqual({ kind: "oci", path: "/etc", ref: "v1.0" });
});

test("a symbolic link inside the project is followed", async () => {
  const text = "service: a\nimage: { from: oci:site, files: [{ from: linked-site, to: /a }] }\n";
  expect((await loadOne(text)).image.files[0]?.from).toBe(join(folder, "site"));
});

test("files need not exist for a command that builds nothing", async () => {
  const text = "service: a\nimage: { from: oci:gone, files: [{ from: gone, to: /a }] }\n";
  expect((await load(text, { files: false }))[0]?.image.files[0]?.from).toBe(join(folder, "gone"));
  await expect(load(text)).rejects.toMatchObject({ code: "spec_invalid" });
});

test("a file in a folder that is named relatively", async () => {
  await writeFile(file, "service: a\nimage: { from: oci:site }\n");
  const before = process.cwd();
  process.chdir(folder);
  try {
    expect((await loadSpecs("kiln.yaml"))[0]?.image.from).toMatchObject({ path: join(folder, "site") });
  } finally {
    process.chdir(before);
  }
});

test("a byte order mark and CRLF line ends are fine", async () => {
  expect(await load(`\uFEFF${minimal("a")}`.replaceAll("\n", "\r\n"))).toHaveLength(1);
});

describe("unreadable files", () => {
  test("a missing file", async () => {
    await expect(loadSpecs(join(folder, "none.yaml"))).rejects.toMatchObject({ code: "spec_unreadable" });
  });

  test("a folder", async () => {
    await expect(loadSpecs(folder)).rejects.toMatchObject({
      code: "spec_unreadable",
      message: `${folder} is a folder.`,
    });
  });

  test("an endless device", async () => {
    await expect(loadSpecs("/dev/zero")).rejects.toMatchObject({
      code: "spec_invalid",
      problems: [{ message: "The file is larger than 1 MiB; expected at most 1 MiB." }],
    });
  });

  test("more than 1 MiB", async () => {
    const fitting = minimal("a").padEnd(1024 * 1024, "#");
    expect(await load(fitting)).toHaveLength(1);
    await expect(load(`${fitting}#`)).rejects.toMatchObject({ code: "spec_invalid" });
  });

  test.each([
    ["Latin-1", Buffer.from("service: a\nimage: f\xfcr\n", "latin1"), 2, 9, "byte 0xfc"],
    ["a cut character", Buffer.from([0x61, 0x3a, 0x20, 0xc3, 0xa4, 0xe2, 0x82]), 1, 5, "byte 0xe2"],
    ["after U+FFFD itself", Buffer.from([0xef, 0xbf, 0xbd, 0x80]), 1, 2, "byte 0x80"],
    ["UTF-16", Buffer.from("\uFEFFservice: a", "utf16le"), 1, 1, "UTF-16"],
  ])("%s", async (_, bytes, line, column, found) => {
    await expect(load(bytes)).rejects.toMatchObject({
      code: "spec_invalid",
      problems: [{ place: { file, line, column }, message: expect.stringContaining(found) }],
    });
  });

  test.each([31, 32, 100, 90_000])("nested %d deep", async (depth) => {
    const text = `${minimal("a")}servers: { env: { A: ${"[".repeat(depth)}${"]".repeat(depth)} } }\n`;
    const problems = await load(text).catch((error) => error.problems);
    const isDeep = problems.some(({ message }: { message: string }) => message.includes("deeper than 32"));
    expect(isDeep).toBe(depth > 29);
  });
});

test("no more than fifty problems are shown", async () => {
  const keys = Array.from({ length: 60 }, (_, i) => `key${i}: 1\n`).join("");
  const error = await load(minimal("a") + keys).catch((e) => e);
  expect(error.message).toBe(`${file} has 60 problems; the first 50 are shown.`);
  expect(error.problems).toHaveLength(50);
});

test("certificates get absolute paths, inside the project or not, even if they do not exist", async () => {
  const text = (tls: string) =>
    `${minimal("a")}servers: { port: 80 }\ntraffic: { listen: 443, tls: ${tls} }\n`;
  const folder = dirname(file);
  const [spec] = await load(text("{ certificate: ./a/../c.pem, key: ../k.pem }"));
  expect(spec?.traffic?.tls).toEqual({
    certificate: join(folder, "c.pem"),
    key: join(dirname(folder), "k.pem"),
  });
  const [other] = await load(text("{ certificate: /c.pem, key: /k.pem }"), { files: false });
  expect(other?.traffic?.tls).toEqual({ certificate: "/c.pem", key: "/k.pem" });
  const [plain] = await load(
    `${text("{ certificate: c, key: k }")}environments: { dev: { traffic: { tls: null } } }`,
    {
      environment: "dev",
    },
  );
  expect(plain?.traffic).toEqual({ mode: "http", listen: 443, host: undefined });
});

test("host names and paths have one form, however they are written", async () => {
  const load1 = async (traffic: string) => {
    const [spec] = await load(`${minimal("a")}servers: { port: 80 }\ntraffic: { listen: 80, ${traffic} }\n`);
    return spec?.traffic;
  };
  const plain = { mode: "http", listen: 80 };
  expect(await load1("host: Shop.example.")).toEqual({ ...plain, host: "shop.example" });
  expect(await load1("hosts: [shop.example, SHOP.example.]")).toEqual({ ...plain, host: "shop.example" });
  expect(await load1('hosts: ["*.Shop.example"], paths: [/, /api/]')).toEqual({
    ...plain,
    host: undefined,
    hosts: ["*.shop.example"],
    paths: ["/", "/api"],
  });
});

/** Each took from half a minute to hours. */
const row = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");
const head = "service: a\nimage:\n  from: scratch\n  command: [x]\n";
test.each([
  ["commas", `a: [${",".repeat(1_000_000)}`, "more than 200000 words"],
  ["directives", "%\n".repeat(500_000), "more than 200000 words"],
  ["documents", "--- {}\n".repeat(140_000), "more than 200000 words"],
  [
    "files",
    `${head}  files:\n${row(25_000, (i) => `    - {from: a, to: /x${i}}`)}`,
    "more than 200000 words",
  ],
  ["users", `${head}  users:\n${row(12_000, () => "    - name: u")}`, "The user u "],
  [
    "environments",
    `${head}  env:\n${row(8_000, (i) => `    K${i}: v`)}\nenvironments:\n${row(6_000, (i) => `  e${i}: {}`)}`,
    "at most 64",
  ],
])("a file of many %s is refused in a moment", async (_, text, message) => {
  const begun = process.threadCpuUsage();
  await expect(load(text)).rejects.toMatchObject({
    code: "spec_invalid",
    problems: expect.arrayContaining([
      expect.objectContaining({ message: expect.stringContaining(message) }),
    ]),
  });
  expect(process.threadCpuUsage(begun).user).toBeLessThan(15_000_000);
});
