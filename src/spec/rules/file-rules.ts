import { type Clash, clashOf, listenersOf, matchKey, previewDoor } from "../../domain/listener.ts";
import type { TrafficSpec } from "../../domain/spec.ts";
import type { SpecDocument } from "../schema/document.ts";
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
  readonly isPreview: boolean;
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
      const [first] = before.flatMap((other) => {
        const clash = clashOf(door.traffic, other.traffic);
        return clash === undefined ? [] : [{ other, clash }];
      });
      if (first === undefined) continue;
      const { offset } = findSpot(tree, ["traffic", ...keyOf(door, first.clash.listen)]);
      yield { offset, ...collision(first.other, door, first.clash) };
    }
    before.push(...doors);
  }
}

function doorsOf(document: SpecDocument | undefined): readonly Door[] {
  if (!document?.traffic) return [];
  const { service, traffic: written } = document;
  // Whether there is TLS matters here, not where its files are; and an authority asks at a port of its own.
  const { tls } = written;
  const traffic = toTraffic(written, tls && (tls.acme ? { acme: tls.acme } : { secret: "" }));
  const preview = previewDoor(traffic);
  const door: Door = { service, isPreview: false, traffic };
  return preview === undefined ? [door] : [door, { service, isPreview: true, traffic: preview }];
}

/** The key below `traffic` that has the port. */
function keyOf({ isPreview, traffic }: Door, port: number): readonly string[] {
  if (isPreview) return ["preview"];
  return traffic.listen === port ? ["listen"] : ["redirect", "http"];
}

const uses: Readonly<Record<string, string>> = { listen: "listens on", preview: "uses for its preview" };

function collision(other: Door, door: Door, clash: Clash): Omit<Finding, "offset"> {
  const key = keyOf(door, clash.listen).join(".");
  const use = uses[keyOf(other, clash.listen).join(".")] ?? "redirects from";
  const where = `\`traffic.${key}\` is ${clash.listen}, which \`${other.service}\` ${use}`;
  if (clash.kind === "isTls") {
    return {
      message: `${where} ${isTls(other, clash.listen) ? "with" : "without"} TLS; expected the same for all services of a port.`,
      hint: "Give each of them a `traffic.tls`, or choose another port.",
    };
  }
  if (clash.kind === "address" || clash.kind === "proxies") {
    const what = clash.kind === "address" ? "address" : "list of proxies";
    return {
      message: `${where} with another ${what}; expected the same for all services of a port.`,
      hint: `Write the same ${clash.kind === "address" ? "`address`" : "`acceptProxy` and `trustedProxies`"} for each of them, or choose another port.`,
    };
  }
  const what = clash.kind === "match" ? matchKey(clash.match) : "";
  return {
    message: `${where} too${what === "" ? "" : ` for ${what}`}; expected another port, host name or path.`,
    hint: "Several http services can share a port when their host names or paths differ.",
  };
}

function isTls({ traffic }: Door, port: number): boolean {
  return listenersOf(traffic).some(({ listen, port: { isTls } }) => listen === port && isTls);
}
