import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureStore, type ImageStore, imageStore, putBlob } from "../../image/store/image-store.ts";
import { mediaTypes } from "../../image/store/oci-types.ts";
import { exec } from "../../lib/process/exec.ts";
import { openStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import { makeTestImages } from "../local/test-image.ts";

/** Images of shell scripts, in a real image store. */
export class ScriptImages implements Disposable {
  readonly state: StateFolder = openStateFolder({ KILN_HOME: mkdtempSync("/tmp/kiln-di-") });
  readonly #layers: { readonly mediaType: string; readonly digest: string; readonly size: number }[] = [];

  get #store(): ImageStore {
    return imageStore(this.state);
  }

  async make(): Promise<void> {
    const folder = join(this.state.home, "content");
    mkdirSync(folder, { recursive: true });
    await makeTestImages(folder);
    await ensureStore(this.#store);
    for (const name of ["base", "top"]) {
      const tar = join(folder, `${name}.tar`);
      await exec(["tar", "-C", join(folder, name), "--owner=0", "--group=0", "-cf", tar, "."]);
      this.#layers.push(await putBlob(this.#store, readFileSync(tar), mediaTypes.layer));
    }
  }

  /** The digest of an image that runs `script`. */
  async running(script: string): Promise<string> {
    const json = (value: object) => Buffer.from(JSON.stringify(value));
    const layers = this.#layers;
    const config = {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { User: "1000:1000", Env: ["FROM_IMAGE=yes"], Entrypoint: ["/bin/sh", "-c", script] },
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    };
    const manifest = {
      ...{ schemaVersion: 2, mediaType: mediaTypes.manifest, layers },
      config: await putBlob(this.#store, json(config), mediaTypes.config),
    };
    return (await putBlob(this.#store, json(manifest), mediaTypes.manifest)).digest;
  }

  [Symbol.dispose](): void {
    rmSync(this.state.home, { recursive: true, force: true });
  }
}
