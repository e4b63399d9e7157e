import { KilnError } from "../../lib/errors.ts";
import type { Candidate } from "../contract/platform.ts";

/** Throws `traffic_unsupported`, or `shape_unsupported` with all that a module is not told of: it is not left out silently. */
export function requireSupported({ shape, health, traffic, secrets = [], files = [] }: Candidate): void {
  if (traffic?.mode === "udp")
    throw new KilnError(
      "traffic_unsupported",
      "The router cannot lead datagrams to servers of a Terraform module: `traffic.mode: udp` is not possible there.",
      { hint: "Deploy to the target `local`, or to one of the platform `vm`." },
    );
  const { init, ulimits, stop, sharedMemoryBytes, devices, volumes = [] } = shape;
  const asked = {
    ...{ init, ulimits, stop, sharedMemory: sharedMemoryBytes, devices },
    ...{ volumes: volumes[0], secrets: secrets[0] },
  };
  const parts = Object.entries(asked).flatMap(([name, value]) =>
    value === undefined ? [] : [`servers.${name}`],
  );
  if (files.length > 0) parts.push("files");
  if (health.check.kind === "alive") parts.push("a service without `servers.port`");
  if (parts.length === 0) return;
  throw new KilnError(
    "shape_unsupported",
    `A Terraform module cannot be told what kiln.yaml asks for: ${parts.join(", ")}.`,
    {
      hint: "Remove it for this target. Servers read secrets from the cloud's own store, with an identity that the module gives them: docs/terraform.md.",
    },
  );
}
