import type { Asker } from "../../domain/access/actor.ts";
import type { AccessToken, Invite } from "../../domain/access/identity.ts";
import type { AllowedPlaces } from "../../domain/access/places.ts";
import type { TrustRule } from "../../domain/access/trust-rule.ts";
import type { Workbench } from "../workbench.ts";
import { type ListenAddress, removeListener, selectListener, setListener } from "./listener.ts";
import { allowPlace, disallowPlace, selectPlaces } from "./places.ts";
import {
  acceptInvite,
  insertInvite,
  type KeptInvite,
  type KeptToken,
  type NewInvite,
  type NewToken,
  revokeAccess,
  rotateToken,
  selectInvite,
  selectInvites,
  selectToken,
  selectTokens,
  touchToken,
} from "./tokens.ts";
import {
  exchangeIdToken,
  type NewTrustRule,
  removeTrustRule,
  selectTrustRules,
  setTrustRule,
  type UsedIdToken,
} from "./trust-rules.ts";

export type { KeptInvite, KeptToken, ListenAddress, NewInvite, NewToken };

/** Who may ask the controller over the network. */
export interface AccessStore {
  token(id: string): KeptToken | undefined;
  /** By name, the oldest first; dead ones too, for a while. */
  tokens(): readonly KeptToken[];
  invite(id: string): KeptInvite | undefined;
  /** Those that are still open. */
  invites(): readonly KeptInvite[];
  addInvite(invite: NewInvite, by: Asker): void;
  /** The invite is gone afterwards. */
  accept(invite: Invite, token: NewToken, address: string): void;
  /** The old token ends at `oldUntilMs`, unless it ends before. */
  rotate(old: AccessToken, token: NewToken, oldUntilMs: number, by: Asker): void;
  /** A token's id, or a name: all its tokens and invites. Returns the ids. Throws `access_unknown`. */
  revoke(who: string, reason: string, by: Asker): readonly string[];
  /** Which pipelines get tokens, by name. */
  trustRules(): readonly TrustRule[];
  /** In place of one of the same name, whose tokens end. Returns their ids. */
  setTrustRule(rule: NewTrustRule, by: Asker): readonly string[];
  /** Its tokens end; returns their ids. Throws `access_unknown`. */
  removeTrustRule(name: string, by: Asker): readonly string[];
  /** False when the issuer's token was used before, and not for the token that it renews: then nothing is changed. */
  exchange(token: NewToken, used: UsedIdToken, address: string): boolean;
  /** When and from where a token was last used. */
  touch(id: string, atMs: number, address: string): void;
  /** What requests over the network may name. */
  places(): AllowedPlaces;
  /** Repeating it is fine. */
  allow(place: string, by: Asker): void;
  /** Throws `access_unknown`. */
  disallow(place: string, by: Asker): void;
  /** Undefined: the controller does not listen for the network. */
  listener(): ListenAddress | undefined;
  listen(listener: ListenAddress, pin: string, by: Asker): void;
  /** False when it did not listen. */
  unlisten(by: Asker): boolean;
}

export function openAccess(bench: Workbench): AccessStore {
  const { db, clock } = bench;
  const changing = <Result>(work: () => Result) => db.transaction(work);
  return {
    token: (id) => selectToken(db, id),
    tokens: () => selectTokens(db),
    places: () => selectPlaces(db),
    allow: (place, by) => changing(() => allowPlace(bench, place, by)),
    disallow: (place, by) => changing(() => disallowPlace(bench, place, by)),
    invite: (id) => selectInvite(db, id),
    invites: () => selectInvites(db, clock.now()),
    addInvite: (invite, by) => changing(() => insertInvite(bench, invite, by)),
    accept: (invite, token, address) => changing(() => acceptInvite(bench, invite, token, address)),
    rotate: (old, token, untilMs, by) => changing(() => rotateToken(bench, old, token, untilMs, by)),
    revoke: (who, reason, by) => changing(() => revokeAccess(bench, who, reason, by)),
    trustRules: () => selectTrustRules(db),
    setTrustRule: (rule, by) => changing(() => setTrustRule(bench, rule, by)),
    removeTrustRule: (name, by) => changing(() => removeTrustRule(bench, name, by)),
    exchange: (token, used, address) => changing(() => exchangeIdToken(bench, token, used, address)),
    touch: (id, atMs, address) => changing(() => touchToken(db, id, atMs, address)),
    listener: () => selectListener(db),
    listen: (listener, pin, by) => changing(() => setListener(bench, listener, pin, by)),
    unlisten: (by) => changing(() => removeListener(bench, by)),
  };
}
