import { z } from "zod";

/** What Kiln reads of `terraform show -json PLAN` of a plan with `-refresh-only`. */
export const refreshSchema = z.object({
  resource_drift: z
    .array(
      z.object({
        address: z.string(),
        mode: z.string().default("managed"),
        index: z.union([z.string(), z.number()]).optional(),
        change: z.object({
          actions: z.array(z.string()),
          before: z.record(z.string(), z.unknown()).nullish(),
          after: z.record(z.string(), z.unknown()).nullish(),
          before_sensitive: z.unknown().optional(),
          after_sensitive: z.unknown().optional(),
        }),
      }),
    )
    .default([]),
});

export type Refresh = z.output<typeof refreshSchema>;

type Change = Refresh["resource_drift"][number]["change"];

/** A resource that is no longer as Terraform has made it. */
export interface ChangedResource {
  readonly address: string;
  /** The key of `for_each`: the server that it belongs to, if it belongs to one. */
  readonly key: string | undefined;
  /** Attributes, or nothing when it is gone. */
  readonly attributes: readonly string[];
  /** The end of a sentence that begins with the address. */
  readonly words: string;
}

const longestValue = 80;

/** Pure. Sensitive values are left out. */
export function changedResources({ resource_drift: drift }: Refresh): readonly ChangedResource[] {
  return drift.flatMap(({ address, mode, index, change }) => {
    const key = typeof index === "string" ? index : undefined;
    if (mode !== "managed") return [];
    if (change.actions.includes("delete")) return [{ address, key, attributes: [], words: "is gone" }];
    const attributes = changedAttributes(change);
    if (attributes.length === 0) return [];
    const words = attributes.map((name) => attributeWords(change, name)).join("; ");
    return [{ address, key, attributes, words }];
  });
}

function changedAttributes({ before, after }: Change): readonly string[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names].filter((name) => text(before?.[name]) !== text(after?.[name])).toSorted();
}

function attributeWords({ before, after, ...marks }: Change, name: string): string {
  if (isSensitive(marks.before_sensitive, name) || isSensitive(marks.after_sensitive, name))
    return `${name} is another (sensitive) value`;
  return `${name} is ${shortened(text(after?.[name]))} and was ${shortened(text(before?.[name]))}`;
}

/** Marks have the shape of the value, with `true` at what is sensitive: also a part makes the whole so. */
function isSensitive(marks: unknown, name: string): boolean {
  if (marks === true) return true;
  const mark = typeof marks === "object" && marks !== null ? (marks as Record<string, unknown>)[name] : false;
  return JSON.stringify(mark ?? false).includes("true");
}

function text(value: unknown): string {
  return JSON.stringify(value ?? null);
}

function shortened(value: string): string {
  return value.length <= longestValue ? value : `${value.slice(0, longestValue)} …`;
}
