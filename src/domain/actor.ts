/** Who asks for a change. The transport says so, from what it can prove; only `stated` is the asker's own word. */
export interface Actor {
  /** `socket`: a process on this machine, over the controller's Unix socket. */
  readonly via: "socket";
  /** User name of the login where the kernel knows it, otherwise of the process: `ada`, `root`, `uid 1234`. */
  readonly name: string;
  /** User id of the process; where that is not known, of the socket's owner, as whom or as root it must have come. */
  readonly uid: number;
  /** The user id that logged in, proc(5) `loginuid`. Absent: none did, or it is not known. */
  readonly loginUid?: number | undefined;
  /** `user@machine`, as the asker says. Nothing proves it. */
  readonly stated?: string | undefined;
}

/** Who asks for a change, and why. */
export interface Asker {
  readonly actor: Actor;
  /** In the asker's words. */
  readonly reason?: string | undefined;
}

/** The actor in a sentence: `ada`, `root (stated: ada@laptop)`. A stated name is left out where it adds nothing. */
export function actorName({ name, loginUid, stated }: Actor): string {
  const isNews = stated !== undefined && loginUid === undefined && stated.split("@")[0] !== name;
  return isNews ? `${name} (stated: ${stated})` : name;
}

/** Who an actor is, as far as the transport can prove it: what tells whether two actors are one person. */
export interface Person {
  /** `uid 1000`. */
  readonly id: string;
  readonly name: string;
}

export function personOf({ uid, loginUid = uid, name }: Actor): Person {
  return { id: `uid ${loginUid}`, name };
}

/** Also where only the name is the same: one person may come by several ways. */
export function isSamePerson(one: Person, other: Person): boolean {
  return one.id === other.id || one.name === other.name;
}

/** The asker in a sentence. */
export function askerName({ actor }: Asker): string {
  return actorName(actor);
}

/** The end of a sentence about what was asked for: the reason, if there is one. */
export function why({ reason }: Asker): string {
  return reason === undefined ? "." : `: ${reason}`;
}

/** What an event holds of its asker. */
export function askerData({ actor, reason }: Asker): Readonly<Record<string, unknown>> {
  return { actor, ...(reason === undefined ? {} : { reason }) };
}
