import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import { exec } from "../../lib/process/exec.ts";
import { buildImage } from "../build.ts";
import type { BuildOptions } from "../build-options.ts";
import { imageStore, readConfig, readManifest } from "../store/image-store.ts";
import { basesIn } from "../store/images.ts";
import { hostArchitecture } from "../store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";
import { filesOf, registryWithShell } from "./built/testing.ts";

const missing = ["docker-registry", "buildah", "runc", "slirp4netns"].filter(
  (one) => spawnSync("which", [one]).status !== 0,
);
if (process.getuid?.() !== 0) missing.push("root");
if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);

let registry: Awaited<ReturnType<typeof registryWithShell>>;
/** An image with a shell, in a registry. */
let base: string;
let baseByDigest: string;

beforeAll(async () => {
  if (missing.length > 0) return;
  registry = await registryWithShell(["sh", "cat", "id"]);
  ({ base, baseByDigest } = registry);
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});

interface Asked {
  readonly stage?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly network?: "internet";
}

function build(shop: Workshop, { stage, args, network }: Asked = {}, options: Partial<BuildOptions> = {}) {
  const from = { kind: "dockerfile", path: join(shop.project, "Dockerfile"), stage } as const;
  const findPlace = async () => ({ file: "kiln.yaml", line: 3, column: 9 });
  const image = { from, command: undefined, ...(args && { args }), ...(network && { network }) };
  return buildImage(serviceSpec(image), { ...shop.options, findPlace, ...options });
}

test.skipIf(missing.length > 0)("a Dockerfile with stages becomes an image, the same each time", async () => {
  const text = `FROM ${base} AS build
USER 0
COPY . /context
RUN --mount=type=bind,source=app.txt,target=/mnt cat /mnt > /made && busybox chmod 755 /made && cat /proc/net/dev > /net
FROM scratch AS final
COPY --from=build /made /net /
CMD ["/made"]
`;
  using shop = workshop();
  using other = workshop();
  for (const { write } of [shop, other]) {
    write("app.txt", "hello");
    write(".env", "PASSWORD=x");
    write("Dockerfile", text);
  }
  const one = await build(shop, { stage: "final" });
  const files = await filesOf(shop, one.digest);
  expect(files.made).toBe("hello");
  expect(files.net?.match(/^ *\w+:/gm)?.map((name) => name.trim())).toEqual(["lo:"]);
  expect((await build(other, { stage: "final" })).digest).toBe(one.digest);
  const store = imageStore(shop.state);
  expect(readConfig(store, readManifest(store, one.digest)).config?.Cmd).toEqual(["/made"]);
  const lock = JSON.parse(readFileSync(join(shop.project, "kiln.lock"), "utf8"));
  expect(Object.keys(lock.bases)).toEqual([base]);
  expect(readFileSync(join(shop.project, "Dockerfile"), "utf8")).toContain(`FROM ${base} AS build`);
  const cached = await build(shop, { stage: "final" });
  expect(cached).toMatchObject({ digest: one.digest, changed: false });
  rmSync(join(shop.state.home, "images"), { recursive: true });
  expect((await build(shop, { stage: "final" })).digest).toBe(one.digest); // layers that are gone are built again
  shop.write("app.txt", "changed");
  expect((await filesOf(shop, (await build(shop, { stage: "final" })).digest)).made).toBe("changed");
  expect(readdirSync(join(shop.state.home, "images/temporary"))).toEqual([]);
});

test.skipIf(missing.length > 0)("secrets of the project do not reach a build, and arguments do", async () => {
  using shop = workshop();
  shop.write(".env", "PASSWORD=x");
  shop.write("keys/id_rsa", "x");
  shop.write("keys/public", "y");
  const text = 'USER 0\nCOPY . /context\nARG EDITION=1\nRUN echo $EDITION > /edition\nCMD ["/bin/sh"]\n';
  shop.write("Dockerfile", `FROM ${baseByDigest}\n${text}`);
  const { digest } = await build(shop);
  const names = Object.keys(await filesOf(shop, digest));
  expect(names.filter((name) => name.startsWith("context/"))).toEqual([
    "context/Dockerfile",
    "context/keys/public",
  ]);
  expect(basesIn(shop.state, digest)).toEqual([baseByDigest.split("@")[1]]);
  const second = await build(shop, { args: { EDITION: "2 $(id)" } });
  expect((await filesOf(shop, second.digest)).edition).toBe("2 $(id)\n");
  await expect(build(shop, { args: { EDITON: "2" } })).rejects.toMatchObject({
    ...{ code: "dockerfile_invalid", hint: "Did you mean EDITION?" },
  });
});

test.skipIf(missing.length > 0)(
  "a step that gets out of its root reaches nothing of the machine's",
  async () => {
    using shop = workshop();
    const closed = mkdtempSync("/srv/kiln-closed-"); // what is in /tmp, the program does not see
    onTestFinished(() => rmSync(closed, { recursive: true }));
    const outside = join(closed, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "x", { mode: 0o600 });
    // Of a mount's source, some versions of buildah follow links to the machine's own folders (CVE-2024-1753).
    shop.write(
      "Dockerfile",
      `FROM ${base} AS way
USER 0
RUN busybox ln -s ${outside} /out
FROM ${base}
USER 0
RUN --mount=type=bind,from=way,source=/out,target=/mnt,rw cat /mnt/secret > /seen; echo x > /mnt/written; true
`,
    );
    const made = await build(shop).then(
      async ({ digest }) => (await filesOf(shop, digest)).seen,
      (error: unknown) => /--mount/.test(String(error)) && "", // not there for the program, or for a newer buildah
    );
    expect([made, readdirSync(outside)]).toEqual(["", ["secret"]]);
  },
);

/** An image of one file, `/unpinned`, as a layout of that name in the project. */
async function writeImage(shop: Workshop, name: string): Promise<void> {
  shop.write("unpinned", "x");
  const layer = join(shop.folder, "layer.tar");
  await exec(["tar", "-cf", layer, "-C", shop.project, "unpinned"]);
  const put = (content: string | Buffer) => {
    const digest = sha256(content);
    shop.write(join(name, "blobs/sha256", digest), content);
    return { digest: `sha256:${digest}`, size: Buffer.byteLength(content) };
  };
  const tar = put(readFileSync(layer));
  const rootfs = { type: "layers", diff_ids: [tar.digest] };
  const config = put(JSON.stringify({ architecture: hostArchitecture(), os: "linux", rootfs }));
  const type = (what: string) => `application/vnd.oci.image.${what}`;
  const manifest = {
    ...{ schemaVersion: 2, mediaType: type("manifest.v1+json") },
    config: { mediaType: type("config.v1+json"), ...config },
    layers: [{ mediaType: type("layer.v1.tar"), ...tar }],
  };
  const annotations = { "org.opencontainers.image.ref.name": "x" };
  const first = { mediaType: manifest.mediaType, ...put(JSON.stringify(manifest)), annotations };
  shop.write(join(name, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [first] }));
  shop.write(join(name, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

test.skipIf(missing.length > 0)("nothing comes from an image that kiln.lock does not pin", async () => {
  using shop = workshop();
  await writeImage(shop, "layout");
  const unpinned = "oci:/run/kiln-build/context/layout:x";
  const made = async (text: string) => {
    shop.write("Dockerfile", text);
    return build(shop).then(
      async ({ digest }) => Object.keys(await filesOf(shop, digest)),
      (error: unknown) => (error instanceof KilnError ? error.code : error),
    );
  };
  expect(await made(`FROM ${unpinned}\n`)).toBe("dockerfile_invalid");
  const failed = "dockerfile_failed";
  expect(await made(`FROM ${base}\nCOPY --from=${unpinned} /unpinned /there\n`)).toBe(failed);
  // Some versions of buildah know no here-documents.
  expect(await made(`FROM ${base}\nRUN true <<EOF\nFROM ${unpinned}\nEOF\n`)).toBe(failed);
  expect(await made(`# escape=\`\nFROM ${base}\nRUN echo \\\nFROM ${unpinned}\n`)).toBe("dockerfile_invalid");
});

test.skipIf(missing.length > 0)("faults name the step or the line, and leave nothing", async () => {
  using shop = workshop();
  const fault = async (text: string) => {
    shop.write("Dockerfile", text);
    return build(shop).catch((error: unknown) => error);
  };
  const failed = await fault(`FROM ${base}\nRUN echo out of order >&2; exit 3\n`);
  expect(failed).toMatchObject({ code: "dockerfile_failed", problems: [{ place: { line: 3 } }] });
  expect(String(failed)).toMatch(/exit status 3/);
  expect(
    await fault(`FROM ${base}\nRUN busybox wget -q -O /dev/null http://${registry.host}/v2/\n`),
  ).toMatchObject({
    code: "dockerfile_failed",
  });
  expect(await fault("FROM Nginx\n")).toMatchObject({ code: "dockerfile_invalid" });
  expect(await fault(`FROM ${base}\nCOPY --from=nginx /a /b\n`)).toMatchObject({ code: "dockerfile_failed" });
  expect(await fault(`FROM ${base}\nCOPY missing /b\n`)).toMatchObject({ code: "dockerfile_failed" });
  expect(readdirSync(join(shop.state.home, "images/temporary"))).toEqual([]);
  const { stdout } = await exec(["findmnt", "--raw", "--noheadings", "--output", "TARGET"]);
  expect(stdout).not.toContain(shop.folder);
});

test.skipIf(missing.length > 0)(
  "a build that never ends stops when it is cancelled, with its processes",
  async () => {
    using shop = workshop();
    const mark = `30${process.pid}1`;
    shop.write("Dockerfile", `FROM ${base}\nRUN busybox sleep ${mark}\n`);
    const stop = new AbortController();
    const from = { kind: "dockerfile", path: join(shop.project, "Dockerfile"), stage: undefined } as const;
    const building = buildImage(serviceSpec({ from }), { ...shop.options, signal: stop.signal });
    building.catch(() => {});
    const sleeping = () => spawnSync("pgrep", ["-f", `busybox sleep ${mark}$`]).status === 0;
    await expect.poll(sleeping, { timeout: 60_000, interval: 50 }).toBe(true);
    stop.abort();
    await expect(building).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(sleeping, { timeout: 10_000, interval: 50 }).toBe(false);
  },
);

const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
const unconnected = missing.length > 0 || address === undefined;
if (address === undefined) console.log("skipped: this machine has no address but loopback");

test.skipIf(unconnected)(
  "with `network: internet`, steps reach what the machine reaches, but not its loopback, and the result is pinned",
  { timeout: 240_000 },
  async () => {
    using shop = workshop();
    let answer = "first";
    await using outside = await served(() => answer, "0.0.0.0");
    await using inside = await served(() => "secret", "127.0.0.1");
    const fetched = `busybox nc ${address} ${outside.port} > /got`;
    const closed = `! busybox nc -w 5 10.0.2.2 ${inside.port} && ! busybox nc -w 5 127.0.0.1 ${inside.port}`;
    const text = `FROM ${base}\nUSER 0\nRUN ${fetched} && ${closed} && cat /etc/resolv.conf > /dns\nCMD ["/bin/sh"]\n`;
    shop.write("Dockerfile", text);
    await expect(build(shop)).rejects.toMatchObject({
      ...{ code: "dockerfile_failed", hint: expect.stringContaining("image.network: internet") },
    });
    const network = "internet";
    const first = await build(shop, { network });
    expect(await filesOf(shop, first.digest)).toMatchObject({ got: "first", dns: "nameserver 10.0.2.3\n" });
    const pinned = JSON.parse(readFileSync(join(shop.project, "kiln.lock"), "utf8")).builds;
    expect(Object.keys(pinned)).toEqual(["dockerfile:Dockerfile"]);

    answer = "second";
    expect((await build(shop, { network })).digest).toBe(first.digest); // nothing runs again
    rmSync(shop.state.cache, { recursive: true });
    await expect(build(shop, { network })).rejects.toMatchObject({ code: "lock_stale" });
    const updated = await build(shop, { network }, { updateLock: true });
    expect(await filesOf(shop, updated.digest)).toMatchObject({ got: "second" });
  },
);

async function served(answer: () => string, host: string) {
  const server = createServer((socket) => socket.on("error", () => {}).end(answer())).listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}
