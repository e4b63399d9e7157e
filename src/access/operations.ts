import { table } from "../api/contract/contract.ts";
import type { ContractEntry } from "../api/contract/entry.ts";
import type { Operations, Who } from "../api/contract/types.ts";
import {
  type Grant,
  grantFor,
  grantForAll,
  grantForImages,
  grantText,
  type Need,
  partsOf,
} from "../domain/access/access.ts";
import type { Asker } from "../domain/access/actor.ts";
import { inviteMs, overlapMs, usualTokenMs } from "../domain/access/identity.ts";
import { loginText } from "../domain/access/login-text.ts";
import { type ServiceKey, serviceOf } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { KeptToken, NewToken } from "../store/access/access-store.ts";
import type { Store } from "../store/store.ts";
import { isSameDigest, newCredential, parseCredential } from "./credential.ts";
import type { NetworkListener } from "./network.ts";
import { createPipelineOperations, type PipelineOperations } from "./oidc/operations.ts";
import { requirePlace } from "./places.ts";
import type { Revocations } from "./revocations.ts";
import { mayUse, type Owners } from "./rights.ts";

export interface AccessParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly network: NetworkListener;
  readonly revocations: Revocations;
}

export type AccessOperations = Pick<
  Operations,
  | "whoami"
  | "can"
  | "access"
  | "invite"
  | "login"
  | "revokeAccess"
  | "rotateToken"
  | "allowPlace"
  | "disallowPlace"
  | "listen"
  | "unlisten"
> &
  PipelineOperations;

const everything: Grant = { role: "admin", services: ["*"], environments: ["*"] };

/** What can be asked about access, and the ways to get it. */
export function createAccessOperations({
  store,
  clock,
  network,
  revocations,
}: AccessParts): AccessOperations {
  const { access } = store;
  const tokenOf = ({ actor }: Who): KeptToken | undefined =>
    actor.via === "token" ? access.token(actor.token) : undefined;
  return {
    ...createPipelineOperations(store, clock, { network, revocations }),
    whoami: async (_asked, who) => {
      const token = tokenOf(who);
      const { actor } = who;
      return token === undefined
        ? { name: actor.name, kind: "local", grants: [everything], token: undefined, expiresAtMs: undefined }
        : {
            ...{ name: token.name, kind: token.kind, grants: token.grants },
            ...{ token: token.id, expiresAtMs: token.expiresAtMs },
          };
    },
    can: async ({ operation, service }, who) => {
      const entry = entryOf(operation);
      const token = tokenOf(who);
      if (token === undefined) return { allowed: true, because: "The controller's socket has all rights." };
      const refusal = await mayUse(token.grants, entry, { service: service ?? "" }, ownedBy(service));
      if (refusal !== undefined) return { allowed: false, because: refusal.message };
      return { allowed: true, because: becauseOf(token.grants, entry.needs, service) };
    },
    access: async () => {
      const listener = access.listener();
      return {
        listening: listener && {
          ...{ address: listener.address, names: listener.names },
          ...{ pin: network.open?.pin, trouble: network.trouble },
        },
        tokens: access.tokens().map(({ digest: _, replacedBy: __, ...token }) => token),
        invites: access.invites().map(({ digest: _, ...invite }) => invite),
        rules: access.trustRules(),
        places: access.places(),
      };
    },
    allowPlace: async ({ place, reason }, { actor }) => {
      requirePlace(place);
      access.allow(place, { actor, reason });
    },
    disallowPlace: async ({ place, reason }, { actor }) => access.disallow(place, { actor, reason }),
    invite: async (asked, { actor }) => {
      const { open } = network;
      if (open === undefined) throw notListening(network.trouble);
      const [address = open.address] = [asked.address, ...open.addresses].filter((one) => one !== undefined);
      const { id, text, digest } = newCredential("inv");
      const expiresAtMs = clock.now() + inviteMs;
      const { name, grants, tokenMs = usualTokenMs, reason } = asked;
      access.addInvite({ id, digest, name, grants, tokenMs, expiresAtMs }, { actor, reason });
      return { id, expiresAtMs, login: loginText({ address, pin: open.pin, invite: text }) };
    },
    login: async (asked, { actor }) => {
      const parsed = parseCredential(asked.invite);
      const invite = parsed?.kind === "inv" ? access.invite(parsed.id) : undefined;
      const isGood =
        parsed !== undefined && invite !== undefined && isSameDigest(invite.digest, parsed.digest);
      if (!isGood || invite.expiresAtMs <= clock.now()) throw badInvite();
      const { name, grants, tokenMs } = invite;
      const made = newToken({ name, grants, expiresAtMs: clock.now() + tokenMs });
      access.accept(invite, made.token, actor.via === "token" ? actor.address : "this machine");
      return answerOf(made);
    },
    revokeAccess: async ({ who, reason }, { actor }) => {
      const ids = access.revoke(who, reason, { actor });
      revocations.revoked(ids);
      return { ids };
    },
    rotateToken: async ({ reason }, who) => {
      const old = tokenOf(who);
      if (old === undefined) throw noToken();
      if (old.kind === "ci") throw ciToken();
      if (old.replacedBy !== undefined) throw replacedBefore(old.id, old.replacedBy);
      const asker: Asker = { actor: who.actor, reason };
      const lastsMs = old.expiresAtMs - old.createdAtMs;
      const made = newToken({ name: old.name, grants: old.grants, expiresAtMs: clock.now() + lastsMs });
      access.rotate(old, made.token, clock.now() + overlapMs, asker);
      return answerOf(made);
    },
    listen: async ({ address, names, reason }, { actor }) => {
      const before = access.listener();
      const open = await network.listen({ address, names }).catch(async (error) => {
        if (before !== undefined) await network.keepListening(before);
        throw error;
      });
      access.listen({ address: withPort(address, open.address), names }, open.pin, { actor, reason });
      return open;
    },
    unlisten: async ({ reason }, { actor }) => {
      access.unlisten({ actor, reason });
      await network.close();
    },
  };
}

/** Port 0 stands for any free port: a restart must find the same. */
function withPort(address: string, opened: string): string {
  return address.replace(/:\d+$/, opened.slice(opened.lastIndexOf(":")));
}

/** Servers, rollouts and images as if they were this service's: the question names none of them. */
function ownedBy(service: ServiceKey | undefined): Owners {
  return {
    server: async () => service,
    rollout: () => service,
    image: async () => (service === undefined ? [] : [serviceOf(service)]),
  };
}

function entryOf(name: string): ContractEntry {
  const entries: Readonly<Record<string, ContractEntry>> = table;
  const found = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (found !== undefined) return found;
  const meant = nearest(name, Object.keys(entries));
  throw new KilnError("usage", `There is no operation ${name}.`, {
    hint: meant === undefined ? "docs/remote-access.md lists them." : `Did you mean ${meant}?`,
  });
}

function becauseOf(grants: readonly Grant[], need: Need, service = ""): string {
  if (need === "self" || need === "public" || need === "local") return "Any token may.";
  const { right, subject } = partsOf(need);
  const byService = subject === "repository" ? grantForImages : grantFor;
  const grant =
    grantForAll(grants, right) ?? (service === "" ? grants[0] : byService(grants, right, service));
  return grant === undefined ? "Of services that the token may view." : `The token is ${grantText(grant)}.`;
}

interface Made {
  readonly text: string;
  readonly token: NewToken;
}

function newToken(what: Pick<NewToken, "name" | "grants" | "expiresAtMs">): Made {
  const { id, text, digest } = newCredential("usr");
  return { text, token: { ...what, id, digest, kind: "user" } };
}

function answerOf({ text, token: { id, name, grants, expiresAtMs } }: Made) {
  return { token: text, id, name, grants, expiresAtMs };
}

function notListening(trouble: string | undefined): KilnError {
  return new KilnError("usage", trouble ?? "The controller does not listen for the network.", {
    hint: "First: kiln controller listen :7443",
  });
}

/** One sentence for all causes: a stranger does not learn which invites there are. */
function badInvite(): KilnError {
  return new KilnError("unauthenticated", "The invite is unknown, was used already, or has expired.", {
    hint: "An invite is good once, for an hour. Ask for another one: kiln access invite NAME --role ROLE",
  });
}

function noToken(): KilnError {
  return new KilnError("usage", "The controller's socket needs no token: there is nothing to rotate.", {
    hint: "`kiln access rotate` works in a context that `kiln login` has made.",
  });
}

/** Otherwise someone who has a copy of the old one could use its last day to get one that lasts. */
function replacedBefore(id: string, newer: string): KilnError {
  return new KilnError("forbidden", `The token ${id} was replaced by ${newer} already, and ends soon.`, {
    hint: "Use the newer one. If someone else has replaced it, end both at once: kiln access revoke NAME --reason TEXT",
  });
}

function ciToken(): KilnError {
  return new KilnError("usage", "A pipeline's token is not rotated: it lasts for minutes.", {
    hint: "Exchange another token of the pipeline's issuer.",
  });
}
