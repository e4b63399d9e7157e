import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { deployRequest, unbuiltRelease } from "../../../src/cli/deploy/deploy-request.ts";
import type { DeployRequest } from "../../../src/controller/operations.ts";
import type { RolloutPolicy } from "../../../src/domain/spec/rollout-policy.ts";
import type { TrafficSpec } from "../../../src/domain/spec/traffic-spec.ts";
import { freePort } from "../../../src/lib/testing.ts";
import { issue } from "../../../src/router/test-certificates.ts";
import { loadSpecs } from "../../../src/spec/load.ts";
import type { Installation } from "../harness.ts";
import { type Frontends, type Service, services } from "./kinds.ts";

/** What can be asked for: each request is for a release of its own. */
export interface Requests {
  readonly frontends: Frontends;
  make(service: Service, policy: Partial<RolloutPolicy>): DeployRequest;
  /** A service of its own that listens on this port. */
  another(service: string, port: number): DeployRequest;
  /** Puts another certificate in the place of the one that `secure` shows. */
  renewCertificate(): Promise<void>;
}

/** A service that comes and goes, next to those that are asked. */
const built = [...services, "passing"] as const;

/** Builds an image for each service: a version belongs to a service. */
export async function prepareRequests(kiln: Installation): Promise<Requests> {
  const folder = await kiln.project({
    "kiln.yaml": built.map(specText).join("---\n"),
    "server.js": await readFile(new URL("app/server.js", import.meta.url), "utf8"),
    "package.json": '{ "type": "module" }',
  });
  const images = new Map<string, Image>();
  for (const service of built)
    images.set(service, await kiln.json<Image>(["build", service], { cwd: folder }));
  const [spec] = await loadSpecs(join(folder, "kiln.yaml"));
  if (spec === undefined) throw new Error("the file has a service");
  const asked = deployRequest(spec, unbuiltRelease(spec), imageOf("web"));
  const frontends = { http: await freePort(), https: await freePort(), tcp: await freePort() };
  const certificates = join(folder, "tls");
  await mkdir(certificates);
  const tls = await issue(certificates, "secure");
  const traffic: Record<Service, TrafficSpec> = {
    web: { mode: "http", listen: frontends.http, host: undefined },
    secure: { mode: "http", listen: frontends.https, host: undefined, tls },
    raw: { mode: "tcp", listen: frontends.tcp, host: undefined },
  };
  let editions = 0;
  function imageOf(service: string): Image {
    const image = images.get(service);
    if (image === undefined) throw new Error(`${service} has no image`);
    return image;
  }
  function draft(service: string, way: TrafficSpec): DeployRequest["draft"] {
    const { digest, version } = imageOf(service);
    const { shape, health } = asked.draft;
    const env = { ...shape.env, EDITION: String(++editions), MODE: way.mode };
    const check = way.mode === "tcp" ? ({ kind: "tcp" } as const) : health.check;
    return {
      ...asked.draft,
      image: digest,
      version,
      traffic: way,
      shape: { ...shape, env },
      health: { ...health, check },
    };
  }
  return {
    frontends,
    make: (service, policy) => ({
      ...asked,
      service,
      draft: draft(service, traffic[service]),
      policy: { ...asked.policy, ...policy },
    }),
    another: (service, port) => ({
      ...asked,
      service,
      count: 1,
      draft: draft(service, { mode: "http", listen: port, host: undefined }),
    }),
    renewCertificate: async () => void (await issue(certificates, "secure")),
  };
}

interface Image {
  readonly digest: string;
  readonly version: string;
}

const specText = (service: string, index: number) => `
service: ${service}
image:
  from: debian:bookworm
  packages: [nodejs]
  files:
    - { from: ./server.js, to: /app/server.js }
    - { from: ./package.json, to: /app/package.json }
  user: nobody
  command: [node, /app/server.js]
servers: { count: 2, port: 8080, env: { PORT: 8080 } }
health: { http: /healthz, interval: 250ms, timeout: 2s }
traffic: { listen: ${8080 + index} }
rollout: { bake: 500ms, drain: 6s, keepWarm: 0s }
`;
