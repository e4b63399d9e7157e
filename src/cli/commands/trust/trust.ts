import { resolve } from "node:path";
import type { ImagePolicy, TrustedKey } from "../../../domain/policy/admission.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";

interface ReasonOptions {
  readonly reason?: string;
}

export async function list(context: Context): Outcome {
  const trust = await (await context.connect()).trust();
  const { style } = context.output;
  context.output.result(trust, [
    ...keyLines(trust.keys, context.clock.now(), style),
    "",
    ...policyLines(trust.policies),
  ]);
  return 0;
}

function keyLines(keys: readonly TrustedKey[], nowMs: number, style: Style): string[] {
  if (keys.length === 0) return ["No trusted keys. `kiln trust add NAME FILE` adds one."];
  const rows = keys.map(({ name, keyId, addedAtMs, addedBy, revoked }) => [
    style.bold(name),
    keyId,
    `${formatAge(nowMs - addedAtMs)} ago, by ${plainText(addedBy)}`,
    revoked === undefined
      ? style.good("trusted")
      : style.bad(
          `revoked ${formatAge(nowMs - revoked.atMs)} ago by ${plainText(revoked.by)}: ${plainText(revoked.reason)}`,
        ),
  ]);
  return table(["KEY", "ID", "ADDED", "STATE"], rows);
}

function policyLines(policies: readonly ImagePolicy[]): string[] {
  if (policies.length === 0) return ["Any image may run: there are no image policies."];
  const rows = policies.map(({ target = "all", mode, signedBy }) => [target, mode, signedBy.join(" or ")]);
  return table(["TARGET", "MODE", "SIGNED BY"], rows);
}

export async function add(context: Context, { reason }: ReasonOptions, name: string, file: string): Outcome {
  const { readPublicKey } = await import("../../../trust/signing/keys.ts");
  const { pem } = readPublicKey(resolve(context.cwd, file));
  const client = await context.connect();
  const key = await client.trustKey({ name, publicKey: pem, reason });
  context.output.result(key, [
    `Signatures by ${key.name} (${key.keyId}) are trusted.`,
    `  \`kiln trust require ${key.name}\` lets only images run that it has signed.`,
  ]);
  return 0;
}

export async function revoke(
  context: Context,
  { reason }: { readonly reason: string },
  name: string,
): Outcome {
  await (await context.connect()).revokeKey({ name, reason });
  context.output.result({ name }, [
    `The key ${name} is revoked: what it has signed no longer counts, from the next deploy or rollback on. Running servers stay.`,
  ]);
  return 0;
}

interface PolicyOptions extends ReasonOptions {
  readonly target?: string;
}

interface RequireOptions extends PolicyOptions {
  readonly mode: ImagePolicy["mode"];
}

export async function require(
  context: Context,
  { target, mode, reason }: RequireOptions,
  signedBy: readonly string[],
): Outcome {
  await (await context.connect()).requireSigned({ target, mode, signedBy: [...signedBy], reason });
  const otherwise = mode === "enforce" ? "are refused" : "are deployed with a warning";
  context.output.result({ target, mode, signedBy }, [
    `From the next deploy or rollback on, images${placeOf(target)} that are not signed by ${signedBy.join(" or ")} ${otherwise}.`,
  ]);
  return 0;
}

export async function lift(context: Context, { target, reason }: PolicyOptions): Outcome {
  await (await context.connect()).liftPolicy({ target, reason });
  context.output.result({ target }, [
    `The image policy ${target === undefined ? "for all targets" : `of ${target}`} is gone.`,
  ]);
  return 0;
}

const placeOf = (target: string | undefined) => (target === undefined ? "" : ` on ${target}`);
