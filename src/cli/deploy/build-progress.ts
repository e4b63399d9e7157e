import type { BuildResult } from "../../image/build.ts";
import type { BuildEvent } from "../../image/layers/build-report.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";
import type { Output } from "../output/output.ts";
import type { Style } from "../output/style.ts";
import { facts, plainText } from "../output/text.ts";
import { formatBytes, formatDuration, shortDigest } from "../output/units.ts";
import type { Project } from "../project.ts";

/** Builds a project's image and shows the progress; `file` is where its spec comes from, if it is a file. Throws `cancelled` on Ctrl-C; nothing stays half done. */
export async function buildProject(
  context: Context,
  project: Pick<Project, "spec" | "folder"> & { readonly file?: string },
  options: { readonly updateLock: boolean },
): Promise<BuildResult> {
  const { buildImage } = await import("../../image/build.ts");
  const { state, clock, signal, output } = context;
  const { spec, file } = project;
  const progress = createBuildProgress(output);
  try {
    return await buildImage(spec, {
      state,
      projectFolder: project.folder,
      updateLock: options.updateLock,
      clock,
      signal,
      env: context.env,
      channelDigest: (service, name) => channelDigest(context, service, name),
      made: async (image) => (await import("../../trust/provenance/kept.ts")).keepProvenance(state, image),
      progress: progress.event,
      ...(file !== undefined && {
        specFile: file,
        findPlace: async (path) => (await import("../../spec/yaml/locate.ts")).locate(file, spec, path),
      }),
    });
  } finally {
    progress.end();
  }
}

/** Throws `channel_unknown`, and `image_revoked` where it is at a revoked image. */
async function channelDigest(context: Context, service: string, name: string): Promise<string> {
  const { digest, revoked } = await (await context.connect()).channel({ service, name });
  if (revoked === undefined) return digest;
  const text = `${service}/${name}`;
  throw new KilnError(
    "image_revoked",
    `The channel ${text} is at ${shortDigest(digest)}, which was revoked by ${revoked.by}: ${revoked.reason}.`,
    { hint: `Move it to another version: kiln channel set ${text} VERSION` },
  );
}

/** Finished layers stay; on a terminal the line below them shows the current step. */
function createBuildProgress(output: Output): { event(event: BuildEvent): void; end(): void } {
  const area = output.live ? output.liveArea() : undefined;
  const style = output.noteStyle;
  return {
    event: (event) => {
      const line = eventLine(event, style);
      if (event.kind === "layer-done" && event.cached) return;
      if (event.kind === "layer-done" || event.kind === "note") {
        area?.clear();
        output.note(line);
      } else if (area !== undefined) area.show([line]);
      else if (event.kind === "message") output.note(line);
    },
    end: () => area?.clear(),
  };
}

/** One line per event of a build. */
function eventLine(event: BuildEvent, style: Style): string {
  switch (event.kind) {
    case "layer-started":
      return style.dim(`  ${event.layer} ...`);
    case "message":
    case "note":
      return style.dim(`  ${plainText(event.text)}`);
    case "layer-done":
      return `  ${style.good("layer")} ${event.name.padEnd(9)} ${layerWords(event)}`;
  }
}

/** The built image: its name, its size, and whether anything is new. */
export function builtLines(service: string, built: BuildResult, style: Style): string[] {
  const news = built.changed ? "" : " (nothing changed)";
  return [
    `${style.good("Built")} ${style.bold(`${service}:${built.version}`)} in ${formatDuration(built.ms)}${news}`,
    ...facts([
      ["digest", built.digest],
      ["size", formatBytes(built.bytes)],
      ...built.layers.map(
        (layer) => [layer.name, `${shortDigest(layer.digest)}  ${layerWords(layer)}`] as const,
      ),
    ]),
  ];
}

function layerWords(layer: {
  readonly cached: boolean;
  readonly bytes: number;
  readonly ms: number;
}): string {
  return `${formatBytes(layer.bytes).padStart(9)}  ${layer.cached ? "cached" : formatDuration(layer.ms)}`;
}
