import { aRelease } from "../../domain/testing.ts";
import type { ServerStatus, ServiceStatus } from "../operations.ts";

/** A service `shop` with three ready servers of release 2. */
export function aStatus(overrides: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    service: "shop",
    target: { name: "local", platform: "local", trouble: undefined },
    count: 3,
    serving: aRelease(2),
    rollout: undefined,
    addresses: ["http://localhost:8080"],
    preview: undefined,
    warm: [],
    removing: false,
    shares: [{ release: 2, share: 1 }],
    servers: [1, 2, 3].map((slot) => aServer({ id: `shop-2-${slot}-1` })),
    jobs: [],
    reproductions: [],
    failures: [],
    trouble: undefined,
    warnings: [],
    vulnerabilities: undefined,
    ...overrides,
  };
}

/** A ready server of release 2, made at time 0. */
export function aServer(overrides: Partial<ServerStatus> = {}): ServerStatus {
  return {
    id: "shop-2-1-1",
    service: "shop",
    release: 2,
    version: "1.2.0",
    state: "ready",
    sinceMs: 0,
    createdAtMs: 0,
    address: "10.0.0.2",
    inTraffic: true,
    health: "GET / answered 200",
    ...overrides,
  };
}
