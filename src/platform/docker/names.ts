import { createHash } from "node:crypto";

/** What everything of one target is called on its engine, which other installations may use as well. */
export interface EngineNames {
  readonly network: string;
  /** A name of a network interface: at most 15 bytes. */
  readonly bridge: string;
  /** Labels that all containers of the target have. */
  readonly labels: Readonly<Record<string, string>>;
  container(server: string): string;
}

export function namesOf(tag: string, target: string): EngineNames {
  const prefix = `kiln-${tag}-${target}`;
  return {
    network: prefix,
    bridge: `kd-${createHash("sha256").update(prefix).digest("hex").slice(0, 8)}`,
    labels: { [label.installation]: tag, [label.target]: target },
    container: (server) => `${prefix}-${server}`,
  };
}

/** Keys of the labels by which people, and we, tell what a container is. */
export const label = {
  installation: "kiln.installation",
  target: "kiln.target",
  server: "kiln.server",
  service: "kiln.service",
  release: "kiln.release",
  image: "kiln.image",
} as const;

/** The filter for containers of the target, as `filters` of the Engine API wants it. */
export function ours(
  { labels }: EngineNames,
  more: Readonly<Record<string, readonly string[]>> = {},
): string {
  const label = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return JSON.stringify({ label, ...more });
}
