import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, shortDigest } from "../../output/units.ts";

type Place = Awaited<ReturnType<Awaited<ReturnType<Context["connect"]>>["channels"]>>[number];

/** `kiln channel set SERVICE/NAME VERSION`. */
export async function set(
  context: Context,
  { reason }: { readonly reason?: string },
  channel: string,
  version: string,
): Outcome {
  const moved = await (await context.connect()).setChannel({ ...parsed(channel), version, reason });
  context.output.result(moved, [
    `The channel ${channel} is at ${moved.version} (${shortDigest(moved.digest)}).`,
    `Images with \`from: channel:${channel}\` get it with \`kiln build --update\`.`,
  ]);
  return 0;
}

/** `kiln channel ls [SERVICE/NAME]`: of one channel, where it has been. */
export async function list(context: Context, _options: object, channel?: string): Outcome {
  const client = await context.connect();
  const now = context.clock.now();
  if (channel !== undefined) {
    const { history, revoked } = await client.channel(parsed(channel));
    const warning = `Revoked by ${revoked?.by}: ${plainText(revoked?.reason ?? "")}. Nothing is built on it until it is moved.`;
    context.output.result(history, [...placeLines(history, now), ...(revoked ? [warning] : [])]);
    return 0;
  }
  const all = await client.channels();
  const none = ["No channels. `kiln channel set SERVICE/NAME VERSION` makes one."];
  context.output.result(all, all.length === 0 ? none : placeLines(all, now));
  return 0;
}

/** `kiln channel rm SERVICE/NAME`. */
export async function remove(
  context: Context,
  { reason }: { readonly reason?: string },
  channel: string,
): Outcome {
  await (await context.connect()).removeChannel({ ...parsed(channel), reason });
  context.output.result({ channel }, [
    `Removed the channel ${channel}. Images that were built on it, and kiln.lock, stay as they are.`,
  ]);
  return 0;
}

function placeLines(places: readonly Place[], nowMs: number): readonly string[] {
  const rows = places.map(({ service, name, version, digest, setAtMs, setBy }) => [
    ...[`${service}/${name}`, version, shortDigest(digest), formatAge(nowMs - setAtMs), setBy],
  ]);
  return table(["CHANNEL", "VERSION", "DIGEST", "SET", "BY"], rows);
}

function parsed(channel: string): { readonly service: string; readonly name: string } {
  const [, service, name] = /^([^/]+)\/([a-z][a-z0-9-]{0,62})$/.exec(channel) ?? [];
  if (service !== undefined && name !== undefined) return { service, name };
  throw new KilnError("usage", `${JSON.stringify(channel)} is not a channel.`, {
    hint: "Write SERVICE/NAME, such as shop/stable: lower-case letters, digits and `-`.",
  });
}
