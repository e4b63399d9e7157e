/** Where in the dashboard someone is. Each has one path, so that it can be sent to someone else. */
export type Place =
  | { readonly view: "now" }
  | { readonly view: "service"; readonly service: string }
  | { readonly view: "rollout"; readonly service: string; readonly rollout: number }
  | { readonly view: "diff"; readonly service: string; readonly from: number; readonly to: number }
  | { readonly view: "server"; readonly service: string; readonly server: string }
  | { readonly view: "drift" }
  | { readonly view: "timeline"; readonly service: string | undefined }
  /** Without a service: of all, side by side. */
  | { readonly view: "figures"; readonly service: string | undefined }
  | { readonly view: "access" }
  | { readonly view: "promotion" }
  /** Without a server: all of the service. */
  | { readonly view: "logs"; readonly service: string | undefined; readonly server: string | undefined }
  | { readonly view: "unknown" };

/** The views that every page leads to. */
export const tabs = [
  ["Now", { view: "now" }],
  ["Drift", { view: "drift" }],
  ["Promotion", { view: "promotion" }],
  ["Timeline", { view: "timeline", service: undefined }],
  ["Logs", { view: "logs", service: undefined, server: undefined }],
  ["Figures", { view: "figures", service: undefined }],
  ["Access", { view: "access" }],
] as const satisfies readonly (readonly [string, Place])[];

export function pathOf(place: Place): string {
  switch (place.view) {
    case "now":
    case "unknown":
      return "/";
    case "drift":
    case "access":
    case "promotion":
      return `/${place.view}`;
    case "logs":
      return ["/logs", place.service, place.server]
        .filter((part) => part !== undefined)
        .map((part, n) => (n === 0 ? part : encodeURIComponent(part)))
        .join("/");
    case "timeline":
    case "figures":
      return place.service === undefined
        ? `/${place.view}`
        : `/${place.view}/${encodeURIComponent(place.service)}`;
    case "service":
      return `/s/${encodeURIComponent(place.service)}`;
    case "rollout":
      return `/s/${encodeURIComponent(place.service)}/rollouts/${place.rollout}`;
    case "diff":
      return `/s/${encodeURIComponent(place.service)}/diff/${place.from}..${place.to}`;
    case "server":
      return `/s/${encodeURIComponent(place.service)}/servers/${encodeURIComponent(place.server)}`;
  }
}

/** Those whose path is their name. */
const plainViews = ["drift", "promotion", "access"] as const;

export function placeOf(path: string): Place {
  const [first = "", second, third, fourth, ...more] = decoded(path.split("/").slice(1));
  if (more.length > 0) return { view: "unknown" };
  if (first === "" && second === undefined) return { view: "now" };
  const plain = plainViews.find((view) => view === first);
  if (plain !== undefined && second === undefined) return { view: plain };
  if (first === "logs" && fourth === undefined) return { view: "logs", service: second, server: third };
  if ((first === "timeline" || first === "figures") && third === undefined)
    return { view: first, service: second };
  if (first !== "s" || second === undefined || second === "") return { view: "unknown" };
  if (third === undefined) return { view: "service", service: second };
  return partOf(second, third, fourth ?? "");
}

function partOf(service: string, kind: string, name: string): Place {
  if (kind === "servers" && name !== "") return { view: "server", service, server: name };
  if (kind === "rollouts" && /^\d+$/.test(name)) return { view: "rollout", service, rollout: Number(name) };
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(name) ?? [];
  if (kind === "diff" && from !== undefined && to !== undefined)
    return { view: "diff", service, from: Number(from), to: Number(to) };
  return { view: "unknown" };
}

function decoded(parts: readonly string[]): readonly string[] {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return ["unknown"];
  }
}
