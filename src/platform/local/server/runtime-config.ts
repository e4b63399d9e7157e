import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { PlacedContent } from "../../linux/placed-content.ts";
import type { ServerPaths } from "../paths.ts";

/** runc's configuration, in memory when it holds secrets: then the bundle has a link to it. */
export function writeConfig(server: ServerPaths, { secrets }: PlacedContent, config: object): void {
  const secret = secrets.some(({ secret: { delivery } }) => delivery.kind === "env");
  if (secret) symlinkSync(server.secretConfig, server.config);
  writeFileSync(secret ? server.secretConfig : server.config, toRuntimeJson(config), { mode: 0o600 });
}

/** JSON as runc reads it: numbers may have all 64 bits. */
export function toRuntimeJson(config: object): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): object }; // ECMAScript 2026
  return JSON.stringify(config, (_, value: unknown) =>
    typeof value === "bigint" ? rawJSON(`${value}`) : value,
  );
}

/** Once the process runs, nothing reads it any longer. */
export function forgetSecretConfig(server: ServerPaths): void {
  rmSync(server.secretConfig, { force: true });
}
