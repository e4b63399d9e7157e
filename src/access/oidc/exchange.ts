import type { Grant } from "../../domain/access/access.ts";
import type { PipelineRun } from "../../domain/access/actor.ts";
import { pipelineTokenMs } from "../../domain/access/identity.ts";
import { issuerKinds } from "../../domain/access/issuer-kinds.ts";
import {
  type Claims,
  claimOf,
  foreignness,
  misfits,
  type TokenIssuer,
  type TrustRule,
} from "../../domain/access/trust-rule.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { isSameDigest, newCredential, parseCredential } from "../credential.ts";
import { Denials } from "../denials.ts";
import { KeySets } from "./key-sets.ts";
import { refusal } from "./refusal.ts";
import { runOf } from "./run.ts";
import { statedIssuer, verifyIdToken } from "./verify.ts";

export interface Exchanged {
  readonly token: string;
  readonly id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly expiresAtMs: number;
}

interface ExchangeAsked {
  readonly idToken: string;
  readonly renews?: string | undefined;
}

/** To whom, and from where the pipeline asks. */
interface Ends {
  readonly pin: string;
  readonly address: string;
}

/** Turns tokens of trusted issuers into tokens of this controller. */
export class IdentityExchange {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #keySets: KeySets;
  readonly #denials: Denials;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#keySets = new KeySets(clock);
    this.#denials = new Denials((event) => store.appendEvent(event), clock);
  }

  /**
   * `renews`: the token that `idToken` was exchanged for before. A token for 15 minutes, with what the rules that fit grant together. An issuer that no rule names is asked for nothing. Throws
   * `identity_refused`, `issuer_unreachable`; each is an event.
   */
  async exchange(asked: ExchangeAsked, ends: Ends): Promise<Exchanged> {
    const about: { run?: PipelineRun; misfits?: unknown } = {};
    try {
      return await this.#exchange(asked, ends, about);
    } catch (error) {
      if (error instanceof KilnError) this.#note(error, ends, about);
      throw error;
    }
  }

  async #exchange(
    { idToken, renews }: ExchangeAsked,
    { pin, address }: Ends,
    about: { run?: PipelineRun; misfits?: unknown },
  ): Promise<Exchanged> {
    const { access } = this.#store;
    const url = await statedIssuer(idToken);
    const rules = access.trustRules().filter(({ issuer }) => issuer.url === url);
    const [issuer] = rules
      .map((rule) => rule.issuer)
      .toSorted((a, b) => Number(b.isPrivate) - Number(a.isPrivate));
    if (issuer === undefined) throw refusal(`no trust rule names its issuer, ${url}`);
    const nowMs = this.#clock.now();
    const { claims, jti, untilMs } = await verifyIdToken(idToken, {
      issuer,
      pin,
      keySets: this.#keySets,
      nowMs,
    });
    about.run = runOf(issuer, claims);
    const fitting = rules.filter((rule) => misfits(rule, claims).length === 0);
    requireOwn(rules, claims);
    if (fitting.length === 0) {
      about.misfits = Object.fromEntries(rules.map((rule) => [rule.name, misfits(rule, claims)]));
      throw noRule(issuer, rules, claims);
    }
    const { id, text, digest } = newCredential("ci");
    const made = {
      ...{ name: fitting.map(({ name }) => name).join("+"), grants: fitting.flatMap(({ grants }) => grants) },
      expiresAtMs: nowMs + pipelineTokenMs,
    };
    const token = { ...made, id, digest, kind: "ci" as const, run: about.run };
    if (!access.exchange(token, { issuer: url, jti, untilMs, renews: this.#liveId(renews) }, address))
      throw usedBefore();
    return { ...made, token: text, id };
  }

  /** The id of a token that someone has, unless it was revoked; it may have expired. */
  #liveId(text: string | undefined): string | undefined {
    const parsed = text === undefined ? undefined : parseCredential(text);
    const token = parsed === undefined ? undefined : this.#store.access.token(parsed.id);
    if (parsed === undefined || token === undefined || token.revoked !== undefined) return undefined;
    return isSameDigest(token.digest, parsed.digest) ? token.id : undefined;
  }

  /** Before the signature is proved nothing that the token says is recorded but its issuer, in the message. */
  #note({ code, message }: KilnError, { address }: Ends, about: { readonly run?: PipelineRun }): void {
    const whose = about.run?.repository ?? about.run?.issuer;
    this.#denials.note({
      key: `${whose ?? ""} ${whose === undefined ? code : message}`,
      ...{ address, data: { code, ...about } },
      message: `${whose === undefined ? "A pipeline" : `A pipeline of ${whose}`} at ${address} got no token. ${message}`,
    });
  }
}

function requireOwn(rules: readonly TrustRule[], claims: Claims): void {
  for (const { issuer } of rules) {
    const why = foreignness(issuer.kind, claims);
    if (why !== undefined) {
      throw refusal(
        why,
        "a pipeline of the repository itself",
        "Pull requests, merge requests and forks get no access, whatever the trust rules say. Deploy after the merge: on a push to a branch.",
      );
    }
  }
}

/** Says only what the token says: a stranger does not learn which rules there are. */
function noRule({ kind }: TokenIssuer, rules: readonly TrustRule[], claims: Claims): KilnError {
  const { identity, event } = issuerKinds[kind];
  const compared = new Set([
    identity,
    event?.claim,
    "ref",
    "ref_type",
    "environment",
    ...rules.flatMap((rule) => Object.keys(rule.claims)),
  ]);
  const said = [...compared].flatMap((name) =>
    name === undefined ? [] : [`${name}=${claimOf(claims, name)?.slice(0, 100) ?? "(none)"}`],
  );
  return refusal(`no trust rule fits its claims: ${said.join(", ")}`);
}

function usedBefore(): KilnError {
  return refusal(
    "it was used before (jti)",
    "one that is used once",
    "GitHub Actions give another token each time one is asked for. A job that has only one (KILN_ID_TOKEN) keeps what it was exchanged for below $XDG_CONFIG_HOME/kiln: its commands must run as one user, on one machine.",
  );
}
