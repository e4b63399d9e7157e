import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli } from "../../cli/test-kit.ts";
import { buildImage } from "../../image/build.ts";
import type { MadeImage } from "../../image/build-options.ts";
import { imageStore } from "../../image/store/image-store.ts";
import { serviceSpec, treeOf, workshop } from "../../image/test-kit.ts";
import { newImageKey, parsePublicKey } from "../signing/keys.ts";
import { predicateTypes } from "../signing/statement.ts";
import { type Attestation, attestationsOf } from "../signing/verify.ts";
import { provenanceOf } from "./predicate.ts";

const spec = `service: shop
image: { version: 1.4.0, from: scratch, files: [{ from: ./hello, to: /hello, mode: "0755" }], command: [/hello] }
`;

function git(folder: string, ...argv: string[]): string {
  const identity = ["-c", "user.name=a", "-c", "user.email=a@example"];
  return execFileSync("git", [...identity, ...argv], { cwd: folder, encoding: "utf8" }).trim();
}

test("a build records what it was made from, and the record is printed and signed", async () => {
  using shop = workshop();
  shop.write("hello", "hello\n");
  shop.write("kiln.yaml", spec);
  git(shop.project, "init", "-q");
  git(shop.project, "add", ".");
  git(shop.project, "commit", "-qm", "first");
  const { privatePem, publicPem } = newImageKey();
  const at = { home: shop.state.home, cwd: shop.project, env: { KILN_SIGNING_KEY: privatePem } };
  const built = JSON.parse((await cli(["build", "--json"], at)).stdout);
  const { stdout } = await cli(["image", "provenance", "shop:1.4.0"], at);
  const statement = JSON.parse(stdout);
  expect(statement).toMatchObject({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: built.digest.replace("sha256:", "") } }],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        externalParameters: { service: "shop", image: { files: [{ from: "hello", to: "/hello" }] } },
        resolvedDependencies: [
          { digest: { gitCommit: git(shop.project, "rev-parse", "HEAD") }, annotations: { dirty: false } },
        ],
      },
      runDetails: { builder: { id: "urn:kiln:builder:local" } },
    },
  });
  expect(stdout).not.toContain(shop.folder); // the same project elsewhere has the same parameters
  expect(await cli(["image", "sign", "shop:1.4.0", "--provenance"], at)).toMatchObject({ code: 0 });
  const key = parsePublicKey(publicPem, "the test's key");
  for (const type of [predicateTypes.signature, predicateTypes.provenance]) {
    const valid: Attestation[] = [];
    const wanted = { type, keys: [key] };
    for await (const one of attestationsOf(imageStore(shop.state), built.digest, wanted))
      if (one.ok) valid.push(one);
    expect(valid).toMatchObject([{ keys: [key] }]);
  }
  rmSync(join(shop.state.cache, "provenance"), { recursive: true });
  expect(await cli(["image", "sign", "shop:1.4.0", "--provenance"], at)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("[provenance_unknown]"),
  });
});

test("bases and packages are named with their digests; an image that was made before is not recorded again", async () => {
  using shop = workshop();
  shop.write("run", "#!", 0o755);
  const locked = {
    ...{
      name: "libstdc++6",
      version: "1:12.2.0-14",
      architecture: "amd64",
      size: 1,
      sha256: "ab".repeat(32),
    },
    ...{ path: "pool/x.deb", suite: "bookworm" },
  };
  const packages = async () => {
    return { inputDigest: "cd".repeat(32), packages: [locked], tree: async () => treeOf({ etc: null }) };
  };
  const files = [{ from: join(shop.project, "run"), to: "/run", mode: undefined, owner: undefined }];
  const image = serviceSpec({ files, from: { kind: "debian", suite: "bookworm" }, packages: ["libstdc++6"] });
  const made: MadeImage[] = [];
  const options = {
    ...shop.options,
    packages,
    made: async (one: MadeImage) => {
      made.push(one);
    },
  };
  const { digest } = await buildImage(image, options);
  await buildImage(image, options);
  expect(made.map((one) => one.digest)).toEqual([digest]);
  const [one] = made;
  if (one === undefined) throw new Error("nothing was made");
  expect(
    provenanceOf({ ...one, bases: [{ name: "a.example/x:1", digest: `sha256:${"ef".repeat(32)}` }] }),
  ).toMatchObject({
    buildDefinition: {
      externalParameters: {
        image: { from: { kind: "debian", suite: "bookworm" }, packages: ["libstdc++6"] },
      },
      internalParameters: { lock: { sha256: "cd".repeat(32) } },
      resolvedDependencies: [
        { name: "base a.example/x:1", digest: { sha256: "ef".repeat(32) } },
        { uri: "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14?arch=amd64", digest: { sha256: locked.sha256 } },
      ],
    },
  });
});
