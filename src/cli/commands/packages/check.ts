import { join } from "node:path";
import type { Context, Outcome } from "../../context.ts";
import { formatBytes, plural } from "../../output/units.ts";

interface CheckOptions {
  readonly suite: string;
}

/** `kiln packages check NAME...`. Needs no controller. Throws `package_needs_script` when a slim image cannot hold the packages. */
export async function run(context: Context, { suite }: CheckOptions, names: readonly string[]): Outcome {
  const [{ checkPackages }, { failIfUnclear }, { hostArchitecture }] = await Promise.all([
    import("../../../image/packages/check.ts"),
    import("../../../image/packages/maintainer/script-plan.ts"),
    import("../../../image/store/oci-types.ts"),
  ]);
  const { packages, bytes, unclear } = await checkPackages(names, {
    ...{ suite, sources: [], architecture: hostArchitecture() },
    cacheFolder: join(context.state.cache, "packages"),
    signal: context.signal,
    progress: (message) => context.output.note(message),
  });
  failIfUnclear(unclear);
  context.output.result({ packages, bytes, engine: "slim" }, [
    `A slim image can hold ${names.join(", ")}: ${plural(packages, "package")} of ${suite}, ${formatBytes(bytes)} to download.`,
  ]);
  return 0;
}
