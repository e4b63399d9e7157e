import type { ServiceKey } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import { listenersOf } from "../../domain/traffic/listener.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { servingOf } from "./wanted.ts";

interface Way {
  readonly target: TargetName;
  /** Whether both targets have the ports of one machine. */
  readonly shared: boolean;
}

/** The release that serves, if it can serve from another target. Throws `move_impossible`, with what stands against it. */
export function requireMovable(store: Store, service: ServiceKey, way: Way): Release {
  const desired = store.desired(service);
  const release = servingOf(desired);
  if (desired === undefined || release === undefined)
    throw impossible(
      `Nothing of ${service} serves, so there is nothing to move.`,
      `\`kiln remove ${service}\`, then deploy it to ${way.target}.`,
    );
  if (desired.target === way.target)
    throw impossible(
      `${service} is on the target ${way.target} already.`,
      "`kiln target ls` lists the targets.",
    );
  requireNoData(desired, release, way.target);
  if (way.shared) requireOwnPorts(store, desired, release);
  return release;
}

function requireNoData(
  { alone }: DesiredService,
  { service, number, shape }: Release,
  target: TargetName,
): void {
  const volumes = (shape.volumes ?? []).map(({ name }) => name);
  const byHand = `deploy it to ${target} under another name or environment, send its users there, then \`kiln remove ${service}\``;
  if (volumes.length > 0)
    throw impossible(
      `Release ${number} of ${service} has volumes (${volumes.join(", ")}), and their data does not move.`,
      `To move it with its data: ${byHand}. \`kiln volume export\` and \`kiln volume import\` bring the data over.`,
    );
  if (alone)
    throw impossible(
      `Servers of ${service} never run at the same time as their successors (\`strategy: recreate\`), and a move needs both.`,
      `Choose another strategy in kiln.yaml and deploy, or ${byHand}.`,
    );
}

/** A port changes hands as a whole: for a moment two routers take its connections. */
function requireOwnPorts(store: Store, desired: DesiredService, { service, traffic }: Release): void {
  if (traffic === undefined) return;
  const { tls } = traffic;
  if (tls !== undefined && "acme" in tls)
    throw impossible(
      `The certificate of ${service} is issued to the router of ${desired.target}, and does not move.`,
      "Keep the certificate as a secret (`tls: { secret: NAME }`), deploy that, and repeat the command.",
    );
  const ports = listenersOf(traffic).map(({ listen }) => listen);
  const together = store.desiredAll().filter((other) => {
    const opened = servingOf(other)?.traffic;
    const isThere = other.target === desired.target && other.service !== service;
    return (
      isThere && opened !== undefined && listenersOf(opened).some(({ listen }) => ports.includes(listen))
    );
  });
  if (together.length === 0) return;
  const names = together.map((other) => other.service).join(", ");
  throw impossible(
    `${service} shares port ${ports.join(" and ")} with ${names}, and a port changes hands as a whole.`,
    `Give ${service} a port of its own (\`traffic.listen\`), deploy that, and repeat the command.`,
  );
}

function impossible(message: string, hint: string): KilnError {
  return new KilnError("move_impossible", message, { hint });
}
