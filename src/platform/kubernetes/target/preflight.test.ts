import { expect, test } from "vitest";
import { aRelease } from "../../../domain/testing.ts";
import { requireSupported } from "./preflight.ts";

const { health } = aRelease(1);
const shape = { port: 8080, env: {}, memoryBytes: undefined, cpus: undefined, writable: [] };

function refusal(check: typeof health.check, startPeriodMs?: number): string {
  try {
    const asked = { ...health, check, ...(startPeriodMs === undefined ? {} : { startPeriodMs }) };
    requireSupported({ shape, health: asked, traffic: undefined });
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}

test("health checks that the cluster would make weaker are refused, each by its key", () => {
  expect(refusal({ kind: "http", path: "/healthz" })).toBe("");
  expect(refusal({ kind: "tcp" })).toBe("");
  expect(refusal({ kind: "grpc", service: "" })).toMatch(/: health\.grpc\.$/);
  const all = { body: "ok", host: "a.example", tls: {} } as const;
  expect(refusal({ kind: "http", path: "/", ...all }, 1_000)).toMatch(
    /: health\.host, health\.body, health\.tls, health\.startPeriod\.$/,
  );
});
