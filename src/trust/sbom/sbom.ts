import type { StateFolder } from "../../lib/state-folder.ts";
import { contentsOf } from "./contents.ts";
import { cyclonedxDocument } from "./cyclonedx.ts";
import { spdxDocument } from "./spdx.ts";

export type SbomFormat = "spdx" | "cyclonedx";

/** The bill of materials of an image in the store, as JSON text. Throws `image_unknown` and `image_invalid`. */
export async function sbomOf(
  state: StateFolder,
  digest: string,
  format: SbomFormat,
  signal: AbortSignal,
): Promise<string> {
  const contents = await contentsOf(state, digest, signal);
  const document = format === "spdx" ? spdxDocument(contents) : cyclonedxDocument(contents);
  return `${JSON.stringify(document, null, 2)}\n`;
}
