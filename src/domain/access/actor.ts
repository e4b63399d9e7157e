/** Who asks for a change. The transport says so, from what it can prove; only `stated` is the asker's own word. */
export type Actor = LocalActor | RemoteActor | SourceActor;

/** A process on this machine, over the controller's Unix socket. */
export interface LocalActor {
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

/** Someone with a token, over the network. */
export interface RemoteActor {
  readonly via: "token";
  /** A person or program as it was invited, or the trust rule that let a pipeline in. */
  readonly name: string;
  /** `ci`: a pipeline, which proved itself by a token of its issuer. */
  readonly kind: "user" | "ci";
  /** The public part of the token. */
  readonly token: string;
  /** The address that it came from. */
  readonly address: string;
  /** What the issuer says of the pipeline. */
  readonly run?: PipelineRun | undefined;
  /** `user@machine`, as the asker says. Nothing proves it. */
  readonly stated?: string | undefined;
}

/** A commit of the repository that a service follows: the controller itself deploys it. */
export interface SourceActor {
  readonly via: "source";
  /** `example.com/acme/shop@1a2b3c4d5e`. */
  readonly name: string;
  /** Without credentials. */
  readonly repository: string;
  readonly ref: string;
  readonly commit: string;
  /** As the commit says; proven only where there is a signer. */
  readonly author: string;
  /** The principal of the allowed signer whose signature the commit has. */
  readonly signer?: string | undefined;
  readonly stated?: undefined;
}

/** One run of a pipeline, as its issuer certifies it. */
export interface PipelineRun {
  readonly issuer: string;
  /** `acme/shop`, for people; ids are what the trust rule compared. */
  readonly repository?: string | undefined;
  readonly ref?: string | undefined;
  readonly commit?: string | undefined;
  /** Who started it, by an id that does not change: `github:12345`. */
  readonly person?: string | undefined;
  /** The same, for people. */
  readonly personName?: string | undefined;
  /** A page that shows the run. */
  readonly url?: string | undefined;
}

/** Who asks for a change, and why. */
export interface Asker {
  readonly actor: Actor;
  /** In the asker's words. */
  readonly reason?: string | undefined;
}

/** The actor in a sentence: `ada`, `root (stated: ada@laptop)`, `shop-ci (ada)`. A stated name is left out where it adds nothing. */
export function actorName(actor: Actor): string {
  const { name, stated } = actor;
  if (actor.via === "source") return `${name} (${actor.author})`;
  if (actor.via === "token") {
    const person = actor.run?.personName;
    return person === undefined ? name : `${name} (${person})`;
  }
  const isNews = stated !== undefined && actor.loginUid === undefined && stated.split("@")[0] !== name;
  return isNews ? `${name} (stated: ${stated})` : name;
}

/** Who an actor is, as far as the transport can prove it: what tells whether two actors are one person. */
export interface Person {
  /** `uid 1000`; of a token its owner, `token ada`; of a pipeline who started it, as its issuer names that one: `github:12345`. */
  readonly id: string;
  readonly name: string;
}

export function personOf(actor: Actor): Person {
  if (actor.via === "socket") return { id: `uid ${actor.loginUid ?? actor.uid}`, name: actor.name };
  if (actor.via === "source") {
    const { author, signer, repository } = actor;
    // who has signed may name anyone as the author
    const name = signer ?? author.replace(/ <.*/, "");
    return { id: `git ${signer ?? `${repository} ${author}`}`, name };
  }
  const { kind, name, run } = actor;
  return {
    id: run?.person ?? `${kind === "ci" ? "pipeline" : "token"} ${name}`,
    name: run?.personName ?? name,
  };
}

/** As what an actor counts where a policy says who may begin a rollout. */
export interface Beginner {
  readonly kind: "people" | "pipelines" | "repositories";
  /** A pipeline has that of each trust rule that let it in. */
  readonly names: readonly string[];
}

/** By what the transport proves: a person's name, a pipeline's trust rules, or the repository that a service follows. */
export function beginnerOf(actor: Actor): Beginner {
  if (actor.via === "source") return { kind: "repositories", names: [actor.repository] };
  const isPipeline = actor.via === "token" && actor.kind === "ci";
  return isPipeline
    ? { kind: "pipelines", names: actor.name.split("+") }
    : { kind: "people", names: [actor.name] };
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
