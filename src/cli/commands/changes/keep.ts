import type { Context, Outcome } from "../../context.ts";
import { requireService, type ServiceOptions } from "../../project.ts";

interface KeepOptions extends ServiceOptions {
  readonly service?: string;
  readonly undo?: boolean;
  readonly reason?: string;
}

export async function keep(context: Context, options: KeepOptions, release: number): Outcome {
  const { undo = false, reason } = options;
  const service = await requireService(context.cwd, options, options.service);
  const client = await context.connect();
  const { changed } = await client.keepRelease({ service, release, keep: !undo, reason });
  const already = changed ? "" : " already";
  const words = undo
    ? `Release ${release} of ${service} is${already} no longer kept: it goes when it is old and nothing uses it.`
    : `Release ${release} of ${service} is${already} kept, with its image, until \`--undo\`.`;
  context.output.result({ service, release, kept: !undo, changed }, [words]);
  return 0;
}
