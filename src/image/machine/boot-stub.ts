import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { contentBytes } from "../store/content.ts";
import { lockedPackages, packageTrees, type WantedPackages, withMachineLock } from "./machine-packages.ts";

const wanted: WantedPackages = {
  section: "disk",
  requested: ["systemd-boot-efi"],
  needed: /^systemd-boot-efi$/,
};
const path = "usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const largestFile = 4 << 20;

/** The program that firmware starts from a disk: systemd-stub(7) of its locked package. Throws what fetching packages throws. */
export async function bootStub(state: StateFolder, signal: AbortSignal): Promise<Buffer> {
  const section = await withMachineLock(state, () => lockedPackages(state, wanted, signal), signal);
  const [tree] = (await packageTrees(state, section, signal)).values();
  const content = tree?.get(path)?.content;
  if (!content) throw new KilnError("image_invalid", `The locked package systemd-boot-efi has no ${path}.`);
  return Buffer.from(contentBytes(content, largestFile));
}
