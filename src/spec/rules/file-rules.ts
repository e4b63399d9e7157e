import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import {
  type Clash,
  clashOf,
  listenersOf,
  matchKey,
  previewFrontend,
} from "../../domain/traffic/listener.ts";
import { toAcme } from "../project-files.ts";
import type { SpecDocument } from "../schema/document.ts";
import { toTraffic } from "../service-spec.ts";
import { findSpot, type MapTree } from "../yaml/tree.ts";
import type { SpecFinding } from "./findings.ts";

/** Two documents of one file must not name the same service. */
export function* sameServices(documents: readonly MapTree[]): Generator<SpecFinding> {
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

interface Frontend {
  readonly service: string;
  readonly isPreview: boolean;
  readonly traffic: TrafficSpec;
}

/** Services of one file whose traffic would conflict on one machine. */
export function* sameFrontends(
  variants: readonly { readonly tree: MapTree; readonly document: SpecDocument | undefined }[],
): Generator<SpecFinding> {
  const before: Frontend[] = [];
  for (const { tree, document } of variants) {
    const frontends = frontendsOf(document);
    for (const frontend of frontends) {
      const [first] = before.flatMap((other) => {
        const clash = clashOf(frontend.traffic, other.traffic);
        return clash === undefined ? [] : [{ other, clash }];
      });
      if (first === undefined) continue;
      const { offset } = findSpot(tree, ["traffic", ...keyOf(frontend, first.clash.listen)]);
      yield { offset, ...collision(first.other, frontend, first.clash) };
    }
    before.push(...frontends);
  }
}

function frontendsOf(document: SpecDocument | undefined): readonly Frontend[] {
  if (!document?.traffic) return [];
  const { service, traffic: written } = document;
  // Whether there is TLS matters here, not where its files are; and an authority asks at a port of its own.
  const { tls } = written;
  const traffic = toTraffic(written, tls && (tls.acme ? { acme: toAcme(tls.acme) } : { secret: "" }));
  const preview = previewFrontend(traffic);
  const frontend: Frontend = { service, isPreview: false, traffic };
  return preview === undefined ? [frontend] : [frontend, { service, isPreview: true, traffic: preview }];
}

/** The key below `traffic` that has the port. */
function keyOf({ isPreview, traffic }: Frontend, port: number): readonly string[] {
  if (isPreview) return ["preview"];
  return traffic.listen === port ? ["listen"] : ["redirect", "http"];
}

const uses: Readonly<Record<string, string>> = { listen: "listens on", preview: "uses for its preview" };

function collision(other: Frontend, frontend: Frontend, clash: Clash): Omit<SpecFinding, "offset"> {
  const key = keyOf(frontend, clash.listen).join(".");
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

function isTls({ traffic }: Frontend, port: number): boolean {
  return listenersOf(traffic).some(({ listen, port: { isTls } }) => listen === port && isTls);
}
