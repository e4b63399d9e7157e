import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { cli } from "../../cli/test-kit.ts";
import { dockerRegistry } from "../../image/registry/testing.ts";

/** Before version 3, cosign looks for bundles only on request, and not for signatures of images (Debian 13 has 2.5). */
const help = spawnSync("cosign", ["verify", "--help"], { encoding: "utf8" }).stdout ?? "";
const knowsBundles = help !== "" && !help.includes("--new-bundle-format=false");
const whyNot = [
  ...(knowsBundles ? [] : ["cosign 3"]),
  ...(spawnSync("which", ["docker-registry"]).status === 0 ? [] : ["docker-registry"]),
];
if (whyNot.length > 0) console.log(`skipped: ${whyNot.join(", ")} not here`);

const spec = `service: shop
image: { version: 1.4.0, from: scratch, files: [{ from: ./hello, to: /hello, mode: "0755" }], command: [/hello] }
`;

test.skipIf(whyNot.length > 0)(
  "cosign and kiln verify what the other has signed, also in the older form, and refuse another key",
  async () => {
    const folder = mkdtempSync("/tmp/kiln-");
    try {
      await using registry = await dockerRegistry(join(folder, "registry"));
      writeFileSync(join(folder, "hello"), "hello\n");
      writeFileSync(join(folder, "kiln.yaml"), spec);
      const kiln = async (...argv: string[]) => {
        const done = await cli(argv, { cwd: folder, home: join(folder, "home") });
        expect(done).toMatchObject({ code: 0 });
        return done;
      };
      const built = JSON.parse((await kiln("build", "--json")).stdout);
      await kiln("image", "key", "release.key");
      await kiln("image", "key", "other.key");
      await kiln("image", "sign", "shop:1.4.0", "--key", "release.key", "--sbom", "--provenance");
      await kiln("image", "push", "shop:1.4.0", `http://${registry.host}/team/shop`);
      const cosign = (what: readonly string[], key: string) => {
        const argv = [
          ...what,
          "--key",
          key,
          "--insecure-ignore-tlog=true",
          `${registry.host}/team/shop:1.4.0`,
        ];
        return promisify(execFile)("cosign", argv, { cwd: folder, env: { ...process.env, HOME: folder } });
      };
      const [signed] = JSON.parse((await cosign(["verify"], "release.key.pub")).stdout);
      expect(signed.critical.type).toBe("https://sigstore.dev/cosign/sign/v1");
      const attested = await cosign(["verify-attestation", "--type", "spdxjson"], "release.key.pub");
      const { payload } = JSON.parse(attested.stdout);
      expect(JSON.parse(Buffer.from(payload, "base64").toString()).predicate).toMatchObject({
        spdxVersion: "SPDX-2.3",
      });
      await cosign(["verify-attestation", "--type", "slsaprovenance1"], "release.key.pub");
      await expect(cosign(["verify"], "other.key.pub")).rejects.toThrow(/Found: 0/);

      const there = `http://${registry.host}/team/shop:1.4.0`;
      await kiln("image", "verify", there, "--key", "release.key.pub", "--sbom", "--provenance");
      const verified = (image: string, home = "home") =>
        cli(["image", "verify", image, "--key", "cosign.pub"], { cwd: folder, home: join(folder, home) });
      const env = { ...process.env, HOME: folder, COSIGN_PASSWORD: "" };
      await promisify(execFile)("cosign", ["generate-key-pair"], { cwd: folder, env });
      expect(await verified(there)).toMatchObject({ code: 1 });
      const older = [
        "--new-bundle-format=false",
        "--use-signing-config=false",
        "--tlog-upload=false",
        "--yes",
      ];
      const image = `${registry.host}/team/shop@${built.digest}`;
      await promisify(execFile)("cosign", ["sign", ...older, "--key", "cosign.key", image], {
        cwd: folder,
        env,
      });
      expect(await verified(there)).toMatchObject({ code: 0 });
      const at = { cwd: folder, home: join(folder, "other") };
      const copy = `http://${registry.host}/copy/shop:1.4.0`;
      expect(await cli(["image", "pull", there], at)).toMatchObject({ code: 0 });
      expect(await verified("shop:1.4.0", "other")).toMatchObject({ code: 0 });
      expect(await cli(["image", "push", "shop:1.4.0", copy], at)).toMatchObject({ code: 0 });
      expect(await verified(copy)).toMatchObject({ code: 0 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
