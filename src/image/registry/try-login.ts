import { KilnError } from "../../lib/errors.ts";
import type { Credentials } from "./credential-helper.ts";
import { Login } from "./login.ts";
import type { Reference } from "./reference.ts";
import type { RegistryOptions } from "./registry.ts";
import { createSend, type RegistryAnswer } from "./transport.ts";

/**
 * Asks a registry whether it takes these credentials (distribution, "API Version Check"). False when it lets everyone in there, so that
 * nothing is known. Throws `registry_denied`, `registry_unreachable`, `registry_failed`.
 */
export async function tryLogin(
  { origin, host }: Pick<Reference, "origin" | "host">,
  credentials: Credentials,
  options: RegistryOptions,
): Promise<boolean> {
  const send = createSend(options);
  const login = new Login(send, async () => credentials);
  const asked = async (authorization?: string): Promise<RegistryAnswer> => {
    const headers = { "user-agent": "kiln", ...(authorization === undefined ? {} : { authorization }) };
    const answer = await send({ method: "GET", url: new URL("/v2/", origin), headers }, options.signal);
    answer.body.resume();
    return answer;
  };
  const first = await asked();
  if (first.status === 200) return false;
  const header =
    first.status === 401 ? await login.answerTo(first, "", undefined, options.signal) : undefined;
  const { status } = header === undefined ? first : await asked(header);
  if (status === 200) return true;
  if (status === 401 || status === 403) {
    throw new KilnError(
      "registry_denied",
      `The registry ${host} refuses the credentials (status ${status}).`,
      {
        hint: "Check the user and the password. Many registries expect an access token in place of the password.",
      },
    );
  }
  throw new KilnError("registry_failed", `${host} answers with status ${status}; expected a registry.`, {
    hint: "Check the name of the registry: it is the host alone, such as registry.example or registry.example:5000.",
  });
}
