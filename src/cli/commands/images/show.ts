import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { facts, plainText } from "../../output/text.ts";
import { formatBytes, shortDigest } from "../../output/units.ts";
import { findImages } from "./change.ts";

export async function run(context: Context, _options: object, name: string): Outcome {
  const client = await context.connect();
  const found = findImages(await client.images({}), name).at(-1);
  if (found === undefined) throw new KilnError("image_unknown", `There is no image named ${name}.`);
  const image = await client.image({ digest: found.digest });
  const layers = image.layers.map(
    ({ digest, bytes, name: layer = "layer" }) =>
      [layer, `${shortDigest(digest)}  ${formatBytes(bytes)}`] as const,
  );
  const text = (value: string | undefined) => plainText(value ?? "-");
  context.output.result({ ...found, ...image }, [
    ...facts([
      ["digest", image.digest],
      ["names", image.names.join(", ")],
      ["platform", text(`${image.os}/${image.architecture}`)],
      ["user", text(image.user)],
      ["command", text(image.command.join(" "))],
      ["used by", found.usedBy.join(", ") || "-"],
      ["pinned", found.pinned ? "yes" : "no"],
      ...layers,
      ...image.attached.map(
        ({ digest, type }) => ["attached", `${shortDigest(digest)}  ${text(type)}`] as const,
      ),
    ]),
  ]);
  return 0;
}
