import { type ContractEntry, table } from "../../api/contract/contract.ts";
import type { OperationName } from "../../api/contract/types.ts";

/** All that the dashboard asks for. What a page never needs (`exec`, `deploy`, secrets, data of volumes), no page gets. */
const operations = [
  ...(["info", "overview", "status", "history", "diff", "traffic", "figures", "rollout"] as const),
  ...(["events", "audit", "drift", "evidence", "evidenceOf", "logs", "serviceLogs", "plan"] as const),
  ...(["whoami", "access", "revokeAccess", "ladders", "policies", "calendar", "sources"] as const),
  ...(["rollback", "scale", "abort", "pause", "resume", "promote", "promotion"] as const),
] satisfies readonly OperationName[];

const routes = operations.map((name) => {
  const { method, path }: ContractEntry = table[name];
  return { method, path: new RegExp(`^${path.replaceAll(/:[a-z]+/g, "[^/]+")}$`) };
});

/** `path`: as it was sent, without its query. */
export function isAllowed(method: string | undefined, path: string): boolean {
  return routes.some((route) => route.method === method && route.path.test(path));
}
