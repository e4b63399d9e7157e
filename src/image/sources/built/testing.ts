import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../../lib/process/exec.ts";
import { pacer } from "../../../lib/time/pace.ts";
import { buildImage } from "../../build.ts";
import { layerTree } from "../../layers/layers.ts";
import { mergeLayers } from "../../layers/tree.ts";
import { clientOf, dockerRegistry } from "../../registry/testing.ts";
import { contentBytes, contentLength } from "../../store/content.ts";
import { imageStore, readManifest } from "../../store/image-store.ts";
import { serviceSpec, type Workshop, workshop } from "../../test-kit.ts";
import { pushImage } from "../../transfer/push.ts";

/** A registry on this machine with an image that has a shell: `base:1`. */
export async function registryWithShell(links: readonly string[]) {
  const maker = workshop();
  const registry = await dockerRegistry(join(maker.folder, "registry"));
  const download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "busybox-static"] as const;
  await exec([...download], { cwd: maker.folder });
  const archive = readdirSync(maker.folder).find((name) => name.endsWith(".deb")) ?? "";
  await exec(["dpkg-deb", "-x", archive, "unpacked"], { cwd: maker.folder });
  const { stdout } = await exec(["find", "unpacked", "-path", "*bin/busybox"], { cwd: maker.folder });
  maker.write("busybox", readFileSync(join(maker.folder, stdout.trim())), 0o755);
  const files = [
    { from: join(maker.project, "busybox"), to: "/bin/busybox", mode: undefined, owner: undefined },
  ];
  const made = links.map((name) => ({ path: `/bin/${name}`, target: "busybox" }));
  const built = await buildImage(serviceSpec({ files, links: made, command: ["/bin/sh"] }), maker.options);
  await pushImage(imageStore(maker.state), built.digest, clientOf(registry.host, "base:1"), "1", () => {});
  return {
    host: registry.host,
    base: `http://${registry.host}/base:1`,
    baseByDigest: `http://${registry.host}/base@${built.digest}`,
    maker,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      maker[Symbol.dispose]();
    },
  };
}

/** The small files of an image, without its programs: path to content. */
export async function filesOf(shop: Workshop, digest: string): Promise<Record<string, string>> {
  const store = imageStore(shop.state);
  const trees = readManifest(store, digest).layers.map((layer) =>
    layerTree(store, shop.state.cache, { digest: layer.digest, bytes: layer.size }, pacer()),
  );
  const files = [...mergeLayers(await Promise.all(trees))].filter(
    ([path, { type, content }]) =>
      type === "file" && contentLength(content) < 10_000 && !path.startsWith("bin/"),
  );
  return Object.fromEntries(
    files.map(([path, { content }]) => [path, content ? contentBytes(content, 10_000).toString() : ""]),
  );
}
