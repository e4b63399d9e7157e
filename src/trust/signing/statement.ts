import { z } from "zod";

/** What a statement says of an image, by its type. */
export const predicateTypes = {
  /** That its maker stands for it: what cosign 3 writes for `cosign sign`. */
  signature: "https://sigstore.dev/cosign/sign/v1",
  spdx: "https://spdx.dev/Document",
  provenance: "https://slsa.dev/provenance/v1",
} as const;

const statementType = "https://in-toto.io/Statement/v1";

/** An in-toto statement (in-toto attestation framework, spec/v1/statement.md). */
export interface Statement {
  readonly predicateType: string;
  readonly predicate: unknown;
  /** SHA-256 digests of what it is about, in hex. */
  readonly subjects: readonly string[];
}

/** The statement as JSON text: a predicate about one image. */
export function statementOf(digest: string, predicateType: string, predicate: object): string {
  const subject = [{ digest: { sha256: digest.replace("sha256:", "") } }];
  return JSON.stringify({ _type: statementType, subject, predicateType, predicate });
}

const schema = z.object({
  _type: z.literal(statementType),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })).max(1_000),
  predicateType: z.string().max(1_000),
  predicate: z.unknown(),
});

/** Undefined for anything else. */
export function parseStatement(text: string): Statement | undefined {
  const { data } = schema.safeParse(jsonOf(text));
  if (data === undefined) return undefined;
  const { predicateType, predicate, subject } = data;
  return { predicateType, predicate, subjects: subject.flatMap(({ digest }) => digest.sha256 ?? []) };
}

/** Undefined for what is not JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
