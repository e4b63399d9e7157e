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

/** `kiln image provenance IMAGE`: as an in-toto statement, not signed. Needs no controller. Throws `provenance_unknown`. */
export async function provenance(context: Context, _options: object, name: string): Outcome {
  const [{ readProvenance }, { predicateTypes, statementOf }, image] = await Promise.all([
    import("../../../trust/provenance/kept.ts"),
    import("../../../trust/signing/statement.ts"),
    storedImage(context, name),
  ]);
  const predicate = await readProvenance(context.state, image.digest);
  const statement = JSON.parse(statementOf(image.digest, predicateTypes.provenance, predicate)) as object;
  context.output.raw(`${JSON.stringify(statement, null, 2)}\n`);
  return 0;
}
