import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256 } from "../../lib/files/sha256.ts";
import { exec } from "../../lib/process/exec.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { blobPath } from "../store/image-store.ts";
import { workshop } from "../test-kit.ts";
import { Uploads } from "./uploads.ts";

const reason = process.getuid?.() === 0 ? undefined : "not root";
if (reason) console.log(`A full disk is not tested: ${reason}.`);

test.skipIf(reason)("an upload that a full disk has cut off continues with the right bytes", async () => {
  using shop = workshop();
  const folder = join(shop.folder, "small");
  mkdirSync(folder);
  await exec(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  try {
    const store = { folder, temporary: join(folder, "temporary"), lock: join(folder, "lock") };
    const uploads = new Uploads(store, systemClock);
    const upload = await uploads.begin();
    const [one, other] = [Buffer.alloc(300_000, "one "), Buffer.alloc(300_000, "other ")];
    const append = (chunk: Buffer) =>
      upload.append(
        (async function* () {
          yield chunk;
        })(),
      );
    await append(one);
    const ballast = join(folder, "ballast");
    writeFileSync(ballast, Buffer.alloc(600_000));
    await expect(append(other)).rejects.toMatchObject({ code: "ENOSPC" });
    rmSync(ballast);
    await append(other);
    const whole = Buffer.concat([one, other]);
    const digest = `sha256:${sha256(whole)}`;
    await upload.commit(store, digest);
    expect(readFileSync(blobPath(store, digest)).equals(whole)).toBe(true);
  } finally {
    await exec(["umount", folder]);
  }
});
