import type { ServerShape } from "../../domain/spec/server-shape.ts";
import { KilnError } from "../../lib/errors.ts";
import type { AccessStore } from "../../store/access/access-store.ts";

/**
 * Throws `device_not_allowed` for a device that no administrator has named: kiln.yaml alone gives none. Patterns allow none either, since no one
 * knows which devices a machine will have.
 */
export function requireDevices(
  access: Pick<AccessStore, "places">,
  { devices = [] }: Pick<ServerShape, "devices">,
): void {
  if (devices.length === 0) return;
  const allowed = new Set(access.places().files);
  const missing = devices.filter((device) => !allowed.has(device));
  if (missing.length === 0) return;
  throw new KilnError(
    "device_not_allowed",
    `Services of this installation may not have ${missing.join(", ")}: a server with a device reaches its driver in the machine's kernel.`,
    {
      hint: `On the controller's machine: ${missing.map((device) => `\`kiln access allow ${device}\``).join(", ")}. Anyone who may deploy can use it then.`,
    },
  );
}
