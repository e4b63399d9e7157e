import { endpointName } from "../../../api/client/endpoint.ts";
import { serviceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { accessLines } from "./lines.ts";

export async function whoami(context: Context): Outcome {
  const remote = await context.remote();
  const self = await (await context.connect()).whoami();
  const where = remote === undefined ? "this machine's controller" : endpointName(remote);
  const kind = {
    local: "over the controller's socket",
    user: `token ${self.token}`,
    ci: `pipeline, token ${self.token}`,
  };
  context.output.result(self, [
    `${self.name} at ${where} (${kind[self.kind]})`,
    ...accessLines(self, context.clock.now()),
  ]);
  return 0;
}

/** Throws `forbidden` with what is missing: exit code 3. */
export async function can(
  context: Context,
  { env }: { readonly env?: string },
  operation: string,
  service?: string,
): Outcome {
  const key = service === undefined ? undefined : serviceKey(service, env);
  const verdict = await (await context.connect()).can({ operation, service: key });
  if (!verdict.allowed) {
    throw new KilnError("forbidden", verdict.because, { hint: "`kiln whoami` shows what the token may do." });
  }
  context.output.result(verdict, [`Yes. ${verdict.because}`]);
  return 0;
}
