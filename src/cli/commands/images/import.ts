import { realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ServiceSpec } from "../../../domain/spec/spec.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { buildProject, builtLines } from "../../deploy/build-progress.ts";
import { parseName } from "./transfer.ts";

interface ImportOptions {
  readonly as: string;
  readonly ref?: string;
}

/** `kiln image import PATH --as SERVICE:VERSION [-- COMMAND]`: a build from that alone, without a `kiln.yaml`. Needs no controller. */
export async function run(
  context: Context,
  options: ImportOptions,
  given: string,
  command: readonly string[],
): Outcome {
  const name = parseName(options.as);
  if (name === undefined)
    throw new KilnError("usage", `\`--as ${options.as}\`: expected SERVICE:VERSION, such as shop:1.4.0.`);
  const named = resolve(context.cwd, given);
  const path = await realpath(named).catch((cause) => {
    throw new KilnError("usage", `${named} cannot be read (${cause.code}).`, {
      hint: "Name a file or a folder that is there and that you may read.",
      cause,
    });
  });
  const { service, version } = name;
  const base = await importSpec(service, { version, ...(command.length > 0 && { command }) });
  const spec = { ...base, image: { ...base.image, from: { kind: "oci", path, ref: options.ref } } as const };
  const built = await buildProject(context, { spec, folder: dirname(path) }, { updateLock: false }).catch(
    (error) => {
      throw error instanceof KilnError && error.code === "command_missing" && command.length === 0
        ? noCommand(path, error)
        : error;
    },
  );
  context.output.result({ service, ...built }, [
    ...builtLines(service, built, context.output.style),
    `\`kiln deploy --image ${built.version}\` deploys it.`,
  ]);
  return 0;
}

/** What a `kiln.yaml` with nothing else would say: its defaults and its rules are the same. */
async function importSpec(service: string, image: object): Promise<ServiceSpec> {
  const [{ validateDocument }, { assumeProjectFiles }, { toServiceSpec }, { parseYaml }] = await Promise.all([
    import("../../../spec/validate.ts"),
    import("../../../spec/project-files.ts"),
    import("../../../spec/service-spec.ts"),
    import("../../../spec/yaml/parse.ts"),
  ]);
  const written = { service, image: { from: "oci:.", ...image } };
  const [document] = parseYaml(JSON.stringify(written)).documents.map(validateDocument);
  const [finding] = document?.findings ?? [];
  if (document?.base.document === undefined || finding !== undefined)
    throw new KilnError("usage", finding?.message ?? "The command is not one that a server can run.");
  return toServiceSpec(document.base.document, undefined, assumeProjectFiles("/", document.base.document));
}

function noCommand(path: string, cause: KilnError): KilnError {
  return new KilnError("command_missing", `${path} does not say what servers run.`, {
    hint: "Write it after `--`: `kiln image import PATH --as SERVICE:VERSION -- COMMAND`.",
    cause,
  });
}
