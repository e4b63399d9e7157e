import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError, type Place } from "../lib/errors.ts";
import { type Command, checkCommand } from "./command.ts";
import { argvOf, searchPathOf } from "./image-config.ts";
import type { ProcessConfig } from "./store/oci-types.ts";
import type { TarTree } from "./tar/entry.ts";

/** A key of the spec: names and indices from the top of the document down. */
export type SpecPath = readonly (string | number)[];

/** The place of a key in the user's file; undefined when unknown. */
export type FindPlace = (path: SpecPath) => Promise<Place | undefined>;

/**
 * Throws `command_missing`, with its place in the user's file, unless the image can run its own command and the commands of the
 * service's jobs: otherwise a missing program of a job would show only after the traffic has moved.
 */
export async function checkCommands(
  spec: ServiceSpec,
  process: ProcessConfig,
  root: TarTree,
  findPlace: FindPlace,
): Promise<void> {
  const delivered = deliveredPaths(spec);
  for (const { path, ...command } of commandsOf(spec, process)) {
    try {
      checkCommand(root, { ...command, delivered });
    } catch (error) {
      throw await placed(error, path, findPlace);
    }
  }
}

type Named = Omit<Command, "delivered"> & { readonly path: SpecPath };

function commandsOf(
  { image, jobs, schedules = [], shape }: ServiceSpec,
  process: ProcessConfig,
): readonly Named[] {
  const workingFolder = process.WorkingDir ?? "/";
  const searchPath = searchPathOf(process.Env ?? []);
  const own: Named = {
    ...{ argv: argvOf(process), searchPath, workingFolder, of: "" },
    path: image.command === undefined ? ["image"] : ["image", "command"],
  };
  const indices = { before: 0, after: 0 };
  const ofJobs = jobs.map(
    ({ name, when, command }): Named => ({
      ...{ argv: command, searchPath: shape.env.PATH ?? searchPath, workingFolder, of: ` of job ${name}` },
      path: ["jobs", when, indices[when]++, "command"],
    }),
  );
  const ofSchedules = schedules.map(
    ({ name, command }, index): Named => ({
      ...{ argv: command, searchPath: shape.env.PATH ?? searchPath, workingFolder, of: ` of job ${name}` },
      path: ["jobs", "cron", index, "command"],
    }),
  );
  return [own, ...ofJobs, ...ofSchedules];
}

/** What servers have in addition to their image. */
function deliveredPaths({ files, secrets }: ServiceSpec): ReadonlySet<string> {
  const ofSecrets = secrets.flatMap(({ delivery }) => (delivery.kind === "file" ? [delivery.path] : []));
  return new Set([...files.map(({ to }) => to), ...ofSecrets]);
}

/** The same error with the place of the key that it comes from. */
export async function placed(error: unknown, path: SpecPath, findPlace: FindPlace): Promise<unknown> {
  if (!(error instanceof KilnError)) return error;
  const { code, message, hint } = error;
  const place = await findPlace(path);
  if (place === undefined) return error;
  const problems = [{ place, message: `\`${keyText(path)}\` names it.` }];
  return new KilnError(code, message, { ...(hint === undefined ? {} : { hint }), cause: error, problems });
}

/** `jobs.after[0].command`. */
function keyText(path: SpecPath): string {
  return path
    .map((step, i) => (typeof step === "number" ? `[${step}]` : `${i === 0 ? "" : "."}${step}`))
    .join("");
}
