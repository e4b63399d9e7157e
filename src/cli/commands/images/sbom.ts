import { resolve } from "node:path";
import type { SbomFormat } from "../../../trust/sbom/sbom.ts";
import type { Context, Outcome } from "../../context.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../../output/output-file.ts";
import { storedImage } from "./stored.ts";

interface SbomOptions extends OutputFileOptions {
  readonly format: SbomFormat;
}

/** `kiln image sbom IMAGE`. Needs no controller. */
export async function run(context: Context, options: SbomOptions, name: string): Outcome {
  const { format, output: file = "-", force } = options;
  const [{ sbomOf }, image] = await Promise.all([
    import("../../../trust/sbom/sbom.ts"),
    storedImage(context, name),
  ]);
  const text = await sbomOf(context.state, image.digest, format, context.signal);
  if (isStdout(file)) {
    context.output.raw(text);
    return 0;
  }
  const path = resolve(context.cwd, file);
  await writeOutputFile(path, { force }, (write) => write(text));
  context.output.result({ digest: image.digest, format, output: path }, [
    `The bill of materials of ${image.service}:${image.version} was written to ${path}.`,
  ]);
  return 0;
}
