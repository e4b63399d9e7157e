import type { TrafficSpec } from "../domain/spec.ts";

/** Where a service is reached: `http://localhost:8080`, `http://shop.example.com`, `localhost:5432 (tcp)`. */
export function addressOf(traffic: TrafficSpec | undefined): string | undefined {
  if (traffic === undefined) return undefined;
  if (traffic.mode === "tcp") return `localhost:${traffic.listen} (tcp)`;
  return `http://${traffic.host ?? "localhost"}${traffic.listen === 80 ? "" : `:${traffic.listen}`}`;
}
