import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { facts } from "../../output/text.ts";

interface ListenOptions {
  readonly host?: readonly string[];
  readonly off?: boolean;
  readonly reason?: string;
}

export async function run(context: Context, options: ListenOptions, address?: string): Outcome {
  const { host: names = [], off = false, reason } = options;
  if (off === (address !== undefined)) {
    throw new KilnError("usage", "Expected either an address or --off.", {
      hint: "For example: kiln controller listen :7443",
    });
  }
  const client = await context.connect();
  if (address === undefined) {
    await client.unlisten({ reason });
    context.output.result({ listening: false }, ["The controller is closed to the network. Tokens stay."]);
    return 0;
  }
  const open = await client.listen({ address, names: [...names], reason });
  context.output.result({ listening: true, ...open }, [
    `The controller listens at ${open.address}, with TLS 1.3, also after a restart.`,
    ...facts([
      ["reached at", open.addresses.join(", ")],
      ["pin", open.pin],
    ]),
    "  `kiln access invite NAME --role ROLE` lets someone in.",
  ]);
  return 0;
}
