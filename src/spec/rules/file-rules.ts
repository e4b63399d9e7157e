import type { SpecDocument } from "../schema.ts";
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
  readonly traffic: Omit<NonNullable<SpecDocument["traffic"]>, "preview">;
}

/** Services of one file whose traffic would conflict on one machine. */
export function* sameDoors(
  variants: readonly { readonly tree: MapTree; readonly document: SpecDocument | undefined }[],
): Generator<Finding> {
  const before: Door[] = [];
  for (const { tree, document } of variants) {
    const doors = doorsOf(document);
    for (const door of doors) {
      const other = before.find(({ traffic }) => collide(traffic, door.traffic));
      if (!other) continue;
      yield { offset: findSpot(tree, ["traffic", door.key]).offset, ...collision(other, door) };
    }
    before.push(...doors);
  }
}

function doorsOf(document: SpecDocument | undefined): readonly Door[] {
  if (!document?.traffic) return [];
  const { service, traffic } = document;
  const { preview, ...own } = traffic;
  const door: Door = { service, key: "listen", traffic: own };
  if (preview === undefined) return [door];
  return [door, { service, key: "preview", traffic: { ...own, listen: preview, host: undefined } }];
}

function collision(
  { service, key: otherKey, traffic }: Door,
  { key, traffic: { listen, mode, tls } }: Door,
): Omit<Finding, "offset"> {
  const use = otherKey === "listen" ? "listens on" : "uses for its preview";
  const where = `\`traffic.${key}\` is ${listen}, which \`${service}\` ${use}`;
  if (mode === "http" && traffic.mode === "http" && isMixed(traffic, { tls })) {
    return {
      message: `${where} ${tls === undefined ? "with" : "without"} TLS; expected the same for all services of a port.`,
      hint: "Give each of them a `traffic.tls`, or choose another port.",
    };
  }
  return {
    message: `${where} too; expected another port, or another host name.`,
    hint: "Several http services can share a port when their `host` differs.",
  };
}

function collide(a: Door["traffic"], b: Door["traffic"]): boolean {
  if (a.listen !== b.listen) return false;
  return a.mode === "tcp" || b.mode === "tcp" || a.host === b.host || isMixed(a, b);
}

function isMixed(a: Pick<Door["traffic"], "tls">, b: Pick<Door["traffic"], "tls">): boolean {
  return (a.tls === undefined) !== (b.tls === undefined);
}
