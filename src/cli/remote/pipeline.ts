import type { RemoteEndpoint } from "../../api/client/endpoint.ts";
import { loginText, parseLoginText } from "../../domain/access/login-text.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { ambientIdToken } from "./identity.ts";
import { fetchAuthority } from "./pinned.ts";
import { inTurn, keepPipelineToken, type PipelineToken, readPipelineToken } from "./pipeline-token.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** So long before its end a token is replaced. */
const earlyMs = 60_000;

/**
 * The controller that `KILN_CONTROLLER=kiln1.ADDRESS.PIN` names, with a token that this pipeline got for its identity. The controller is known by its
 * pin before anything is sent to it. Ask again before each request: tokens last for minutes.
 */
export function pipelineEndpoint(text: string, env: Env, clock: Clock): () => Promise<RemoteEndpoint> {
  const controller = parseController(text);
  const audience = loginText({ ...controller, invite: undefined });
  let held: (Known & PipelineToken) | undefined;
  let coming: Promise<Known & PipelineToken> | undefined;
  const renewed = async () => {
    const authority = held?.authority ?? (await fetchAuthority(controller.address, controller.pin));
    const known = { address: controller.address, authority };
    return { ...known, ...(await tokenFor(known, audience, env, clock)) };
  };
  return async () => {
    if (held === undefined || held.expiresAtMs - earlyMs <= clock.now()) {
      // what is asked for meanwhile waits for the same token; after a failure the next one tries again
      coming ??= renewed().finally(() => {
        coming = undefined;
      });
      held = await coming;
    }
    const { address, authority, token } = held;
    return { address, authority, token };
  };
}

type Known = Pick<RemoteEndpoint, "address" | "authority">;

/** Throws `identity_refused`, `issuer_unreachable`, `controller_unreachable`. */
async function tokenFor(known: Known, audience: string, env: Env, clock: Clock): Promise<PipelineToken> {
  const idToken = await ambientIdToken(env, audience);
  const { createClient } = await import("../../api/client/client.ts");
  const client = createClient({ ...known, token: undefined });
  if (!env.KILN_ID_TOKEN) return client.exchangeIdentity({ idToken });
  return inTurn(env, idToken, async () => {
    const before = readPipelineToken(env, idToken);
    if (before !== undefined && before.expiresAtMs - earlyMs > clock.now()) return before;
    const { token, expiresAtMs } = await client.exchangeIdentity({ idToken, renews: before?.token });
    keepPipelineToken(env, idToken, { token, expiresAtMs });
    return { token, expiresAtMs };
  });
}

function parseController(text: string): { readonly address: string; readonly pin: string } {
  const parsed = parseLoginText(text);
  if (parsed !== undefined && parsed.invite === undefined) return parsed;
  throw new KilnError(
    "usage",
    text.startsWith("kiln1.")
      ? "KILN_CONTROLLER is not kiln1.ADDRESS.PIN."
      : `KILN_CONTROLLER is ${text === "" ? "empty" : text}; expected kiln1.ADDRESS.PIN, or the absolute path of a socket.`,
    {
      hint: "`kiln access trust add` on the controller's machine prints kiln1.ADDRESS.PIN. An invite is for `kiln login`. For a socket: ssh -L /tmp/kiln.sock:/var/lib/kiln/controller.sock HOST",
    },
  );
}
