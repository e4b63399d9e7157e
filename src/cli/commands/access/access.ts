import type { Grant, Role } from "../../../domain/access/access.ts";
import { grantText } from "../../../domain/access/access.ts";
import { type AccessToken, type Invite, inviteMs } from "../../../domain/access/identity.ts";
import { type AllowedPlaces, isDevice } from "../../../domain/access/places.ts";
import type { TrustRule } from "../../../domain/access/trust-rule.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { facts, plainText, table } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";
import { claimsText } from "./lines.ts";

export interface GrantOptions {
  readonly role: Role;
  readonly service?: readonly string[];
  readonly environment?: readonly string[];
  readonly breakGlass?: true;
}

interface InviteOptions extends GrantOptions {
  readonly expires?: number;
  readonly address?: string;
  readonly reason?: string;
}

export function grantOf({ role, service = ["*"], environment = ["*"], breakGlass }: GrantOptions) {
  const scope = { role, services: [...service], environments: [...environment] };
  return { ...scope, ...(breakGlass ? { breakGlass } : {}) } satisfies Grant;
}

export async function invite(context: Context, options: InviteOptions, name: string): Outcome {
  const { expires: tokenMs, address, reason } = options;
  const grant = grantOf(options);
  const client = await context.connect();
  const made = await client.invite({ name, grants: [grant], tokenMs, address, reason });
  context.output.result(made, [
    `${name} becomes ${grantText(grant)} by running this on another machine, once, within ${formatAge(inviteMs)}:`,
    "",
    `kiln login ${made.login}`,
    "",
    "Anyone who has this line can use it: send it in private.",
  ]);
  return 0;
}

export async function list(context: Context): Outcome {
  const found = await (await context.connect()).access();
  const { style } = context.output;
  const nowMs = context.clock.now();
  const { listening } = found;
  const state =
    listening === undefined
      ? ["The controller does not listen for the network. `kiln controller listen :7443` opens it."]
      : facts([
          [
            "listens at",
            listening.trouble === undefined
              ? listening.address
              : style.bad(plainText(`${listening.address}: ${listening.trouble}`)),
          ],
          ["pin", listening.pin ?? ""],
        ]);
  const lines = [
    ...state,
    "",
    ...tokenLines(found.tokens, nowMs, style),
    ...inviteLines(found.invites, nowMs),
    ...ruleLines(found.rules),
    ...placeLines(found.places),
  ];
  context.output.result(found, lines);
  return 0;
}

function placeLines({ files, urls }: AllowedPlaces): string[] {
  const devices = files.filter(isDevice);
  const named = [...files.filter((file) => !isDevice(file)), ...urls];
  return [
    ...listed("Requests over the network may name:", named),
    ...listed("Services may have the devices:", devices),
  ];
}

function listed(heading: string, places: readonly string[]): string[] {
  return places.length === 0 ? [] : ["", heading, ...places.map((place) => `  ${plainText(place)}`)];
}

function tokenLines(tokens: readonly AccessToken[], nowMs: number, style: Style): string[] {
  if (tokens.length === 0) return ["No tokens. `kiln access invite NAME --role ROLE` invites someone."];
  const rows = tokens.map((token) => [
    style.bold(token.name),
    token.id,
    token.grants.map(grantText).join(" and "),
    lastUseOf(token, nowMs),
    stateOf(token, nowMs, style),
  ]);
  return table(["NAME", "TOKEN", "MAY", "LAST USED", "STATE"], rows);
}

function lastUseOf({ lastUse }: AccessToken, nowMs: number): string {
  return lastUse === undefined
    ? "never"
    : `${formatAge(nowMs - lastUse.atMs)} ago from ${plainText(lastUse.address)}`;
}

function stateOf({ revoked, expiresAtMs }: AccessToken, nowMs: number, style: Style): string {
  if (revoked !== undefined) return style.bad(plainText(`revoked by ${revoked.by}: ${revoked.reason}`));
  return expiresAtMs <= nowMs ? style.bad("expired") : `expires in ${formatAge(expiresAtMs - nowMs)}`;
}

function inviteLines(invites: readonly Invite[], nowMs: number): string[] {
  if (invites.length === 0) return [];
  const rows = invites.map(({ name, id, grants, createdBy, expiresAtMs }) => [
    ...[
      name,
      id,
      grants.map(grantText).join(" and "),
      plainText(createdBy),
      `in ${formatAge(expiresAtMs - nowMs)}`,
    ],
  ]);
  return ["", ...table(["INVITED", "INVITE", "MAY", "BY", "EXPIRES"], rows)];
}

function ruleLines(rules: readonly TrustRule[]): string[] {
  if (rules.length === 0) return [];
  const rows = rules.map(({ name, issuer, claims, grants, addedBy }) => [
    ...[name, issuer.url, claimsText(claims), grants.map(grantText).join(" and "), plainText(addedBy)],
  ]);
  return ["", ...table(["PIPELINES", "ISSUER", "WHOSE", "MAY", "BY"], rows)];
}

export async function revoke(
  context: Context,
  { reason }: { readonly reason: string },
  who: string,
): Outcome {
  const { ids } = await (await context.connect()).revokeAccess({ who, reason });
  context.output.result({ who, ids }, [`Revoked at once: ${ids.join(", ")}.`]);
  return 0;
}
