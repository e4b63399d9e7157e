import { get } from "node:http";
import { text } from "node:stream/consumers";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import type { Api } from "../../src/platform/kubernetes/client/api.ts";

const printedSchema = z.looseObject({
  ...{ apiVersion: z.string(), kind: z.string() },
  metadata: z.looseObject({ name: z.string(), namespace: z.string() }),
});

export type PrintedObject = z.output<typeof printedSchema>;

/** What `kiln plan --manifests` prints, as tools of Kubernetes read it: YAML 1.1. */
export function printedObjects(yaml: string): readonly PrintedObject[] {
  return parseAllDocuments(yaml, { version: "1.1" }).map((each) => printedSchema.parse(each.toJS()));
}

/** One that does not come about has no version. */
const triedSchema = z.looseObject({ metadata: z.looseObject({ generation: z.int().optional() }) });

/** The object as it would be if Kiln applied it; the cluster refuses what is not valid. */
export function dryRun(api: Api, object: PrintedObject): Promise<z.output<typeof triedSchema> | undefined> {
  const { apiVersion, kind, metadata } = object;
  const at = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const path = `${at}/namespaces/${metadata.namespace}/${kind.toLowerCase()}s/${metadata.name}`;
  const query = { fieldManager: "kiln", force: "true", dryRun: "All" };
  const asked = {
    method: "PATCH",
    path,
    query,
    body: object,
    contentType: "application/apply-patch+yaml",
  } as const;
  return api.read({ ...asked, signal: AbortSignal.timeout(60_000) }, triedSchema);
}

/** Undefined for any answer but success, and for none. */
export function answerOf(host: string, port: number, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = get({ host, port, path, agent: false, timeout: 10_000 }, async (answer) => {
      const body = await text(answer).catch(() => undefined);
      resolve(answer.statusCode === 200 ? body : undefined);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
  });
}
