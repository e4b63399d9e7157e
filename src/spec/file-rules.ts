import type { Finding } from "./findings.ts";
import type { SpecDocument } from "./schema.ts";
import { findSpot, type MapTree } from "./tree.ts";

/** Two documents of one file must not name the same service. */
export function* sameServices(documents: readonly MapTree[]): Generator<Finding> {
  const seen = new Set<string>();
  for (const root of documents) {
    const { tree, offset } = findSpot(root, ["service"]);
    if (tree?.kind !== "scalar") continue;
    if (seen.has(tree.text)) {
      yield {
        offset,
        message: `The service \`${tree.text}\` is there twice in this file; expected each name once.`,
        hint: "Rename one of the two; the same service elsewhere is an environment of it.",
      };
    }
    seen.add(tree.text);
  }
}

interface Door {
  readonly service: string;
  readonly traffic: NonNullable<SpecDocument["traffic"]>;
}

/** Services of one file that could not have their traffic on one machine. */
export function* sameDoors(
  variants: readonly { readonly tree: MapTree; readonly document: SpecDocument | undefined }[],
): Generator<Finding> {
  const doors: Door[] = [];
  for (const { tree, document } of variants) {
    if (!document?.traffic) continue;
    const door = { service: document.service, traffic: document.traffic };
    const other = doors.find((before) => collide(before.traffic, door.traffic));
    doors.push(door);
    if (!other) continue;
    yield { offset: findSpot(tree, ["traffic", "listen"]).offset, ...collision(other, door.traffic) };
  }
}

function collision(
  { service, traffic }: Door,
  { listen, mode, tls }: Door["traffic"],
): Omit<Finding, "offset"> {
  const where = `\`traffic.listen\` is ${listen}, which \`${service}\` listens on`;
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
