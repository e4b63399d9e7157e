import { type Clash, clashOf, matchKey, previewDoor } from "../../domain/listener.ts";
import type { TrafficSpec } from "../../domain/spec.ts";
import type { SpecDocument } from "../schema.ts";
import { toTraffic } from "../service-spec.ts";
import { findSpot, type MapTree } from "../yaml/tree.ts";
import type { Finding } from "./findings.ts";

/** Two documents of one file must not name the same service. */
export function* sameServices(documents: readonly MapTree[]): Generator<Finding> {
  const seen = new Set<string>();
  for (const root of documents) {
    const { tree, offset } = findSpot(root, ["service"]);
    if (tree?.kind !== "scalar") continue;
    if (seen.has(tree.text)) {
      yield {
        offset,
        message: `The service \`${tree.text}\` appears twice in this file; expected each name once.`,
        hint: "Rename one of the two. To run the same service in another setting, use `environments`.",
      };
    }
    seen.add(tree.text);
  }
}

interface Door {
  readonly service: string;
  /** The key of `traffic` that has the port. */
  readonly key: "listen" | "preview";
  readonly traffic: TrafficSpec;
}

/** Services of one file whose traffic would conflict on one machine. */
export function* sameDoors(
  variants: readonly { readonly tree: MapTree; readonly document: SpecDocument | undefined }[],
): Generator<Finding> {
  const before: Door[] = [];
  for (const { tree, document } of variants) {
    const doors = doorsOf(document);
    for (const door of doors) {
      const finding = before
        .flatMap((other) => collision(other, door, clashOf(door.traffic, other.traffic)))
        .at(0);
      if (finding) yield { offset: findSpot(tree, ["traffic", door.key]).offset, ...finding };
    }
    before.push(...doors);
  }
}

function doorsOf(document: SpecDocument | undefined): readonly Door[] {
  if (!document?.traffic) return [];
  const { service, traffic: written } = document;
  // Whether there is TLS matters here, not where its files are.
  const traffic = toTraffic(written, written.tls);
  const preview = previewDoor(traffic);
  const door: Door = { service, key: "listen", traffic };
  return preview === undefined ? [door] : [door, { service, key: "preview", traffic: preview }];
}

function collision(
  other: Door,
  { key, traffic: { listen, tls } }: Door,
  clash: Clash | undefined,
): readonly Omit<Finding, "offset">[] {
  if (clash === undefined) return [];
  const use = other.key === "listen" ? "listens on" : "uses for its preview";
  const where = `\`traffic.${key}\` is ${listen}, which \`${other.service}\` ${use}`;
  if (clash.kind === "tls") {
    return [
      {
        message: `${where} ${tls === undefined ? "with" : "without"} TLS; expected the same for all services of a port.`,
        hint: "Give each of them a `traffic.tls`, or choose another port.",
      },
    ];
  }
  const what = clash.kind === "match" ? matchKey(clash.match) : "";
  return [
    {
      message: `${where} too${what === "" ? "" : ` for ${what}`}; expected another port, host name or path.`,
      hint: "Several http services can share a port when their host names or paths differ.",
    },
  ];
}
