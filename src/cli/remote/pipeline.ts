import type { RemoteEndpoint } from "../../api/client-endpoint.ts";
import { loginText, parseLoginText } from "../../domain/access/login-text.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { ambientIdToken, isRenewable } from "./identity.ts";
import { fetchAuthority } from "./pinned.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** So long before its end a token is replaced, where that is possible. */
const earlyMs = 60_000;

interface Exchanged {
  readonly endpoint: RemoteEndpoint;
  readonly expiresAtMs: number;
}

/**
 * The controller that `KILN_CONTROLLER=kiln1.ADDRESS.PIN` names, with a token that this pipeline got for its identity. The controller is known by its
 * pin before anything is sent to it. Ask again before each request: tokens last for minutes.
 */
export function pipelineEndpoint(text: string, env: Env, clock: Clock): () => Promise<RemoteEndpoint> {
  let kept: Promise<Exchanged> | undefined;
  return async () => {
    const { expiresAtMs = 0 } = (await kept) ?? {};
    const isOld = isRenewable(env) && expiresAtMs - earlyMs <= clock.now();
    if (kept === undefined || isOld) kept = exchange(text, env);
    return (await kept).endpoint;
  };
}

/** Throws `usage`, `identity_refused`, `controller_untrusted`, `controller_unreachable`. */
async function exchange(text: string, env: Env): Promise<Exchanged> {
  const parsed = parseLoginText(text);
  if (parsed === undefined || parsed.invite !== undefined) throw notAController(text);
  const { address, pin } = parsed;
  const idToken = await ambientIdToken(env, loginText({ address, pin, invite: undefined }));
  const authority = await fetchAuthority(address, pin);
  const { createClient } = await import("../../api/client.ts");
  const made = await createClient({ address, authority, token: undefined }).exchangeIdentity({ idToken });
  return { endpoint: { address, authority, token: made.token }, expiresAtMs: made.expiresAtMs };
}

function notAController(text: string): KilnError {
  const isLogin = text.startsWith("kiln1.");
  return new KilnError(
    "usage",
    isLogin
      ? "KILN_CONTROLLER is not kiln1.ADDRESS.PIN."
      : `KILN_CONTROLLER is ${text}; expected kiln1.ADDRESS.PIN, or the absolute path of a socket.`,
    {
      hint: "`kiln access ls` on the controller's machine shows kiln1.ADDRESS.PIN. An invite is for `kiln login`. For a socket: ssh -L /tmp/kiln.sock:/var/lib/kiln/controller.sock HOST",
    },
  );
}
