import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { buildImage } from "../build.ts";
import { clientOf, dockerRegistry } from "../registry/testing.ts";
import { attach } from "../store/attach.ts";
import { referrersOf } from "../store/describe.ts";
import { imageSource } from "../store/image-source.ts";
import { imageStore, putBlob, readBlob, readManifest, withStoreLock } from "../store/image-store.ts";
import { listImages, requireVersion } from "../store/images.ts";
import { mediaTypes } from "../store/oci-types.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";
import { startDocker, staticProgram } from "../test-programs.ts";
import { copyImage } from "./copy.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";

function without(...programs: string[]): boolean {
  const missing = programs.filter((program) => spawnSync("which", [program]).status !== 0);
  if (missing.length > 0) console.log(`skipped: ${missing.join(", ")} not here`);
  return missing.length > 0;
}

const quiet = () => {};

async function buildHello(shop: Workshop, version: string) {
  await staticProgram(join(shop.project, "hello"));
  shop.write("version", version);
  shop.write("large", Buffer.alloc(20 << 20)); // a layer of its own
  const files = ["hello", "version", "large"].map((name) => {
    return { from: join(shop.project, name), to: `/${name}`, mode: undefined, owner: undefined };
  });
  return buildImage(serviceSpec({ version, files, command: ["/hello"] }), shop.options);
}

function push(shop: Workshop, host: string, digest: string, tag: string) {
  return pushImage(imageStore(shop.state), digest, clientOf(host, `team/shop:${tag}`), tag, quiet);
}

test.skipIf(without("docker-registry", "skopeo", "gcc"))(
  "a pushed image has the same digest for other tools, and returns to another store as it was",
  async () => {
    using shop = workshop();
    using other = workshop();
    await using real = await dockerRegistry(join(shop.folder, "registry"));
    const built = await buildHello(shop, "1.4.0");
    const pushed = await push(shop, real.host, built.digest, "1.4.0");
    expect(pushed.sentBytes).toBeGreaterThan(built.bytes);
    expect(await push(shop, real.host, built.digest, "stable")).toMatchObject({ sentBytes: 0 });
    const at = `docker://${real.host}/team/shop:stable`;
    const seen = await exec(["skopeo", "inspect", "--tls-verify=false", at]);
    expect(JSON.parse(seen.stdout)).toMatchObject({ Digest: built.digest, Os: "linux" });
    const name = { service: "shop", version: "1.4.0" };
    const pulled = await pullImage(other.state, clientOf(real.host, "team/shop:stable"), name, quiet);
    const came = { attached: 0, notTaken: { count: 0, named: [] } };
    expect(pulled).toEqual({ ...name, digest: built.digest, bytes: built.bytes, ...came, changed: true });
    const [stored] = await listImages(other.state);
    expect(stored).toMatchObject({ ...name, digest: built.digest, contentDigest: built.contentDigest });
    await requireVersion(other.state, "shop", "1.4.0", built.digest);
    const call = { signal: AbortSignal.timeout(60_000), deadline: Date.now() + 60_000 };
    await imageSource(other.state).check(built.digest, call);
    const client = clientOf(real.host, `team/shop@${built.digest}`);
    expect(await pullImage(other.state, client, name, quiet)).toMatchObject({ changed: false });
  },
);

/** A signature as other tools attach it: a manifest that names the image as its subject. */
async function sign(shop: Workshop, digest: string): Promise<string> {
  const store = imageStore(shop.state);
  const config = await putBlob(store, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const layer = await putBlob(store, Buffer.from(`signature of ${digest}`), "application/x-signature");
  const subject = { mediaType: mediaTypes.manifest, digest, size: readBlob(store, digest).length };
  const artifactType = "application/x-signature";
  const { mediaType } = subject;
  const signature = { schemaVersion: 2, mediaType, artifactType, config, layers: [layer], subject };
  const stored = await putBlob(store, Buffer.from(JSON.stringify(signature)), mediaType);
  await withStoreLock(store, () => attach(store, stored, undefined));
  return stored.digest;
}

/** A client, and under which names it has stored manifests, in order. */
function noting(host: string, name: string) {
  const client = clientOf(host, name);
  const stored: string[] = [];
  const ask = client.ask.bind(client);
  client.ask = (asked, right, accept) => {
    const [, manifest] = asked.url.pathname.split("/manifests/");
    if (asked.method === "PUT" && manifest !== undefined) stored.push(manifest);
    return ask(asked, right, accept);
  };
  return { client, stored };
}

test.skipIf(without("docker-registry", "gcc"))(
  "anyone who finds an image by its tag finds its signatures, too",
  async () => {
    using shop = workshop();
    await using real = await dockerRegistry(join(shop.folder, "registry"));
    const { digest } = await buildHello(shop, "1");
    const signature = await sign(shop, digest);
    const order = [digest, signature, digest.replace(":", "-"), "1"];
    const pushed = noting(real.host, "team/shop:1");
    await pushImage(imageStore(shop.state), digest, pushed.client, "1", quiet);
    expect(pushed.stored).toEqual(order);
    const copied = noting(real.host, "other/shop:1");
    const how = { tag: "1", cache: shop.state.cache, progress: quiet };
    await copyImage(clientOf(real.host, "team/shop:1"), copied.client, how);
    expect(copied.stored).toEqual(order);
  },
);

test.skipIf(without("docker-registry", "gcc"))(
  "signatures go with an image, through a registry that cannot list them itself",
  async () => {
    using shop = workshop();
    using other = workshop();
    await using real = await dockerRegistry(join(shop.folder, "registry"));
    const { digest } = await buildHello(shop, "1");
    const one = await sign(shop, digest);
    const two = await sign(shop, one);
    expect(await push(shop, real.host, digest, "1")).toMatchObject({ attached: 2 });
    expect(await push(shop, real.host, digest, "1")).toMatchObject({ attached: 2, sentBytes: 0 });
    const list = JSON.parse(
      (await clientOf(real.host, "team/shop:1").manifest(digest.replace(":", "-"))).bytes.toString(),
    );
    expect(list.manifests).toMatchObject([{ digest: one, artifactType: "application/x-signature" }]);
    const name = { service: "shop", version: "1" };
    const client = clientOf(real.host, "team/shop:1");
    expect(await pullImage(other.state, client, name, quiet)).toMatchObject({ attached: 2 });
    expect(await referrersOf(imageStore(other.state), digest)).toMatchObject([{ digest: one }]);
    expect(await referrersOf(imageStore(other.state), one)).toMatchObject([{ digest: two }]);
    expect(await pullImage(other.state, client, name, quiet)).toMatchObject({ attached: 2, changed: false });
    expect((await listImages(other.state)).length).toBe(1);
  },
);

test.skipIf(without("docker-registry", "gcc"))(
  "a version does not change its image, and only changed layers are sent",
  async () => {
    using shop = workshop();
    using other = workshop();
    await using real = await dockerRegistry(join(shop.folder, "registry"));
    const one = await buildHello(shop, "1");
    await push(shop, real.host, one.digest, "1");
    const two = await buildHello(shop, "2");
    const { sentBytes } = await push(shop, real.host, two.digest, "1");
    expect(sentBytes).toBeLessThan(one.bytes - (20 << 20) + 10_000);
    const name = { service: "shop", version: "1" };
    await pullImage(other.state, clientOf(real.host, `team/shop@${one.digest}`), name, quiet);
    await expect(
      pullImage(other.state, clientOf(real.host, "team/shop:1"), name, quiet),
    ).rejects.toMatchObject({ code: "version_taken" });
  },
);

test.skipIf(without("docker-registry", "skopeo", "gcc"))(
  "an image whose layers another tool has compressed is a base, and not an image to deploy",
  async () => {
    using shop = workshop();
    await using real = await dockerRegistry(join(shop.folder, "registry"));
    await buildHello(shop, "1");
    const from = `oci:${shop.state.images}:shop:1`;
    await exec(["skopeo", "copy", "--dest-tls-verify=false", from, `docker://${real.host}/shop:z`]);
    const name = { service: "shop", version: "z" };
    const fault = pullImage(shop.state, clientOf(real.host, "shop:z"), name, quiet);
    await expect(fault).rejects.toMatchObject({ code: "image_invalid", message: /compressed/ });
    expect((await listImages(shop.state)).map(({ version }) => version)).toEqual(["1"]);
  },
);

test.skipIf(without("docker-registry", "dockerd", "docker", "gcc"))(
  "Docker runs what was pushed",
  async () => {
    using shop = workshop();
    await using real = await dockerRegistry(join(shop.folder, "registry"));
    const { digest } = await buildHello(shop, "1");
    await push(shop, real.host, digest, "1");
    await using docker = await startDocker(shop.folder);
    const image = `${real.host}/team/shop@${digest}`;
    const args = ["run", "--rm", "--network", "none", image];
    expect(await docker.run(args)).toMatchObject({ code: 7, stdout: "hello from kiln\n" });
    expect(readManifest(imageStore(shop.state), digest).layers.length).toBeGreaterThan(0);
  },
);
