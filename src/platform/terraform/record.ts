import { z } from "zod";
import type { HostServer } from "../fleet/host.ts";
import { recordBase } from "../fleet/records.ts";

export const serverRecordSchema = recordBase.extend({
  /** The cloud's own id of it, and its address. Absent until Terraform has made it. */
  cloudId: z.string().optional(),
  address: z.string().optional(),
  /** It is to be removed: Terraform is no longer asked for it. */
  unwanted: z.boolean().optional(),
  /** Why nothing more is expected of it, although Terraform still has something under its name. The end of a sentence. */
  lost: z.string().optional(),
});

/** What Kiln remembers of a server that Terraform makes. */
export type GroupServer = Readonly<z.infer<typeof serverRecordSchema>>;

/** Terraform has removed its machine, and only the record is left. */
export function isRemoved({ unwanted, exit }: GroupServer): boolean {
  return unwanted === true && exit !== undefined;
}

export function hostServer(record: GroupServer): HostServer {
  const { id, release, createdAtMs, quarantinedAtMs, retiredAtMs, exit, address, lost } = record;
  return {
    ...{ id, release, createdAtMs, quarantinedAtMs, retiredAtMs },
    state: exit ? "exited" : address === undefined ? "creating" : "running",
    address: exit ? undefined : address,
    exit: exit && { code: exit.code, atMs: exit.atMs, oomKilled: exit.oomKilled },
    ...(lost === undefined ? {} : { lost }),
  };
}
