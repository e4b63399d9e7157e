import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatTime, shortDigest } from "../../output/units.ts";
import { findImages } from "./change.ts";

interface RevokeOptions {
  readonly reason: string;
  readonly at?: string;
}

/** `kiln image revoke IMAGE --reason TEXT`. */
export async function revoke(context: Context, { reason, at }: RevokeOptions, name: string): Outcome {
  const atMs = at === undefined ? undefined : momentOf(at);
  const client = await context.connect();
  const digest = await digestOf(client, name);
  const revoked = await client.revokeImage({ digest, reason, atMs });
  const from = revoked.atMs > context.clock.now() ? `From ${formatTime(revoked.atMs)} on, no` : "No";
  context.output.result(revoked, [
    `${from} server is started from ${shortDigest(digest)}, nor from what was built on it: no deploy, no rollback, no replacement of a failed server.`,
    "Running servers stay. Deploy another image where `kiln status` warns.",
  ]);
  return 0;
}

/** `kiln image unrevoke IMAGE`. */
export async function unrevoke(
  context: Context,
  { reason }: { readonly reason?: string },
  name: string,
): Outcome {
  const client = await context.connect();
  const known = (await client.revocations({})).filter((one) => beginsWith(one.digest, name));
  const [only] = known.length === 1 ? known : [];
  const digest = only?.digest ?? (await digestOf(client, name));
  await client.unrevokeImage({ digest, reason });
  context.output.result({ digest }, [`Servers of ${shortDigest(digest)} may be started again.`]);
  return 0;
}

/** `kiln image revoked`. */
export async function list(context: Context): Outcome {
  const all = await (await context.connect()).revocations({});
  const rows = all.map(({ digest, atMs, by, reason }) => [
    ...[shortDigest(digest), formatTime(atMs), by, plainText(reason)],
  ]);
  const none = ["No image is revoked."];
  context.output.result(all, all.length === 0 ? none : table(["DIGEST", "FROM", "BY", "REASON"], rows));
  return 0;
}

/** The store may lack the image: a base from elsewhere, or one that was removed since. */
function beginsWith(digest: string, name: string): boolean {
  const digits = name.replace(/^sha256:/, "");
  return /^[0-9a-f]{8,64}$/.test(digits) && digest.startsWith(`sha256:${digits}`);
}

/** A whole digest may be one of a base, which the image store does not have. */
async function digestOf(client: Client, name: string): Promise<string> {
  if (/^sha256:[0-9a-f]{64}$/.test(name)) return name;
  const found = findImages(await client.images({}), name).at(-1);
  if (found !== undefined) return found.digest;
  throw new KilnError("image_unknown", `There is no image named ${name}.`);
}

/** ISO 8601; without a zone it is local time, as in `2026-12-01T08:00`. */
function momentOf(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(atMs)) return atMs;
  throw new KilnError("usage", `${JSON.stringify(text)} is not a moment.`, {
    hint: "Write `2026-12-01`, `2026-12-01T08:00` or `2026-12-01T08:00:00Z`.",
  });
}
