import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import type { Client, ServiceStatus } from "./api.ts";

/** The service's status, or undefined when the controller does not know it. */
export async function statusOf(client: Client, service: ServiceKey): Promise<ServiceStatus | undefined> {
  try {
    return await client.status({ service });
  } catch (error) {
    if (error instanceof KilnError && error.code === "service_unknown") return undefined;
    throw error;
  }
}

/** Throws `service_unknown` with the nearest name, or with the names of all services. */
export async function requireStatus(client: Client, service: ServiceKey): Promise<ServiceStatus> {
  return (await statusOf(client, service)) ?? failUnknown(client, service);
}

/** Whether this names a server, a job or a reproduction that is there, or a server that has failed. */
export async function isSource(client: Client, id: string): Promise<boolean> {
  const all = await client.services();
  return all
    .flatMap(({ servers, jobs, reproductions, failures }) => [servers, jobs, reproductions, failures].flat())
    .some((source) => source.id === id);
}

async function failUnknown(client: Client, service: ServiceKey): Promise<never> {
  const known = (await client.services()).map((status) => status.service);
  const { nearest } = await import("../lib/nearest.ts");
  const near = nearest(service, known);
  const list = known.length === 0 ? "No service is deployed yet." : `Deployed: ${known.join(", ")}.`;
  throw new KilnError("service_unknown", `No service ${service} is deployed here.`, {
    hint: near === undefined ? list : `Did you mean ${near}?`,
  });
}
