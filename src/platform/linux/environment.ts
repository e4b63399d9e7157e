import type { ServerShape } from "../../domain/spec/server-shape.ts";
import type { HostImage } from "../contract/images.ts";

/** Everything that decides which variables a server's process has. */
export interface EnvironmentInput {
  readonly id: string;
  readonly service: string;
  readonly release: number;
  readonly image: Pick<HostImage, "env">;
  readonly shape: Pick<ServerShape, "port" | "env">;
  /** Environment variables that win over all others. */
  readonly variables: readonly (readonly [name: string, value: string])[];
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The image's, then ours, then the release's: what the user wrote last in `kiln.yaml` wins. */
export function environment(input: EnvironmentInput): readonly string[] {
  const { id, service, release, image, shape, variables } = input;
  const values = new Map<string, string>([["PATH", defaultPath]]);
  for (const line of image.env) {
    const at = line.indexOf("=");
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 1));
  }
  values.set("KILN_SERVICE", service).set("KILN_RELEASE", String(release)).set("KILN_SERVER", id);
  if (shape.port !== undefined) values.set("PORT", String(shape.port));
  for (const [name, value] of [...Object.entries(shape.env), ...variables]) values.set(name, value);
  return [...values].map(([name, value]) => `${name}=${value}`);
}
