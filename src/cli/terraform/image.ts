import { KilnError } from "../../lib/errors.ts";
import { AttributeError } from "../../terraform-provider/diagnostics.ts";
import type { Lookup } from "../../terraform-provider/provider.ts";
import type { Schema } from "../../terraform-provider/schema.ts";
import { textOf, type Values } from "../../terraform-provider/values.ts";
import type { Client } from "../api.ts";
import type { Context } from "../context.ts";

const schema: Schema = {
  description: "A version of a service's image: where a channel is, or the one with this tag.",
  attributes: {
    service: { type: "string", is: "required", description: "The service whose image it is." },
    channel: {
      ...{ type: "string", is: "optional" },
      description: "A channel of `kiln channel ls`, such as `stable`. An image that is revoked is an error.",
    },
    tag: { type: "string", is: "optional", description: "A version, in place of a channel." },
    id: { type: "string", is: "computed", description: "SERVICE:VERSION." },
    version: { type: "string", is: "computed", description: "The version." },
    digest: { type: "string", is: "computed", description: "`sha256:…`, the image's digest." },
  },
};

interface Found {
  readonly version: string;
  readonly digest: string;
  readonly revoked?: { readonly reason: string; readonly by: string } | undefined;
}

export function imageSource(context: Context): Lookup {
  return {
    schema,
    read: async (wanted) => {
      const service = textOf(wanted, "service") ?? "";
      const { version, digest, revoked } = await find(await context.connect(), service, wanted);
      const id = `${service}:${version}`;
      if (revoked !== undefined)
        throw new KilnError("image_revoked", `${id} was revoked by ${revoked.by}: ${revoked.reason}`, {
          hint: `Move the channel to another version: \`kiln channel set ${service}/NAME VERSION\`.`,
        });
      return { ...wanted, id, version, digest };
    },
  };
}

async function find(client: Client, service: string, wanted: Values): Promise<Found> {
  const channel = textOf(wanted, "channel");
  const tag = textOf(wanted, "tag");
  if ((channel === undefined) === (tag === undefined))
    throw new AttributeError(
      tag === undefined ? "service" : "tag",
      "An image is named by a channel or by a tag, and by one of them alone.",
      'Write `channel = "stable"` or `tag = "1.4.0"`.',
    );
  if (channel !== undefined) return client.channel({ service, name: channel });
  const images = await client.images({ service });
  const image = images.find(({ version }) => version === tag);
  if (image !== undefined) return image;
  const newest = images.slice(-5).map(({ version }) => version);
  throw new KilnError("image_unknown", `${service} has no image ${tag}.`, {
    hint: newest.length === 0 ? "It has none at all." : `The newest versions are ${newest.join(", ")}.`,
  });
}
