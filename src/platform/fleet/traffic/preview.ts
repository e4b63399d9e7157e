import type { ServiceKey } from "../../../domain/ids.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { previewFrontend } from "../../../domain/traffic/listener.ts";
import { previewKey } from "../../../router/preview-key.ts";
import type { RoutedService } from "../../../router/router.ts";
import { type RoutableServer, type RouteSpec, routedService } from "./routing.ts";

/**
 * What the router shall have as preview of a service: the ready servers of the release that is shown, or none at
 * an open frontend. Without a way in for its traffic, or where that has the port, the service has no preview. Pure.
 */
export function routedPreview(
  service: ServiceKey,
  spec: RouteSpec | undefined,
  shown: number | undefined,
  servers: readonly RoutableServer[],
): RoutedService | "nothing" {
  if (spec === undefined || spec.frontends.length === 0) return "nothing";
  const behind = servers.filter((s) => s.takes && s.release.number === shown);
  const frontend = previewFrontend(behind[0]?.release.traffic) ?? spec.preview;
  if (frontend === undefined || spec.frontends.some(({ listen }) => listen === frontend.listen))
    return "nothing";
  const shares = shown === undefined ? [] : [{ release: shown, share: 1 }];
  return routedService(previewKey(service), { shares, frontends: [frontend], health: spec.health }, behind);
}

/** The port that stays open without servers while there is nothing to preview: the newest release's with traffic. */
export function idlePreview(shares: Shares, releases: readonly Release[]): TrafficSpec | undefined {
  const open = new Set(shares.filter((s) => s.share > 0).map((s) => s.release));
  const [newest] = releases.filter((r) => open.has(r.number)).sort((a, b) => b.number - a.number);
  return previewFrontend(newest?.traffic);
}
