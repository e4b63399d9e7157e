import type { Actor, Asker } from "../../../src/domain/access/actor.ts";
import { anAsker } from "../../../src/domain/testing.ts";
import { canonicalJson } from "../../../src/lib/canonical-json.ts";

/** A human, whatever the controller takes one for. */
export type Person = "ada" | "ben" | "cleo";

const withToken = (name: string, token: string): Asker => ({
  actor: { via: "token", kind: "user", name, token, address: "192.0.2.1" },
});
const atSocket = (name: string, uid: number, loginUid?: number): Asker => ({
  actor: { via: "socket", name, uid, ...(loginUid === undefined ? {} : { loginUid }) },
});

/** The identities that each of them may come by, as far as a controller can know: by one user id, or under one name. */
const identities: Readonly<Record<Person, readonly [Asker, ...Asker[]]>> = {
  ada: [anAsker(), atSocket("root", 0)],
  ben: [
    atSocket("ben", 1001),
    atSocket("ben", 0, 1001),
    withToken("ben", "bbbbbbbb"),
    withToken("ben", "cccccccc"),
  ],
  cleo: [atSocket("cleo", 1002), atSocket("cleo-admin", 1002), atSocket("cleo", 0, 1002)],
};

/** Why they break the glass. Other changes have other reasons. */
export const emergency = "it burns";

export const people: readonly [Person, ...Person[]] = ["ada", "ben", "cleo"];

export function identitiesOf(person: Person): readonly [Asker, ...Asker[]] {
  return identities[person];
}

/** Undefined: someone who begins no deploys here. */
export function personBehind(actor: Actor): Person | undefined {
  const known = canonicalJson(actor);
  return people.find((person) => identities[person].some((one) => canonicalJson(one.actor) === known));
}
