import { rmSync } from "node:fs";
import type { ServiceKey } from "../../domain/ids.ts";
import type { GitSource } from "../../domain/source.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations, SourceStatus } from "../operations.ts";
import { Follower, type FollowerParts } from "./follower.ts";
import { requirePlainPath } from "./git.ts";
import { parseRemote } from "./remote.ts";
import { folderOf } from "./repository.ts";
import { sshFiles } from "./ssh.ts";

export type SourceOperations = Pick<
  Operations,
  "sources" | "source" | "addSource" | "removeSource" | "holdSource" | "resumeSource" | "syncSource"
>;

interface Parts extends FollowerParts {
  readonly store: Store;
}

/** Starts to follow the repositories of services, and answers what is asked about them. */
export function startSources(parts: Parts): {
  readonly operations: SourceOperations;
  /** Looks at the repository of this service, and of others that follow the same one; returns all of them. */
  look(service: ServiceKey): readonly ServiceKey[];
  close(): Promise<void>;
} {
  const { store, folder } = parts;
  const { sources } = store;
  const followers = new Map<ServiceKey, Follower>();
  let isClosed = false;
  const follow = (service: ServiceKey) => {
    if (!isClosed) followers.set(service, new Follower(service, parts));
  };
  /** What ends still uses the folder, so the next one waits for it. */
  const endings = new Map<ServiceKey, Promise<void>>();
  const unfollow = (service: ServiceKey) => {
    const follower = followers.get(service);
    followers.delete(service);
    const ended = Promise.allSettled([endings.get(service), follower?.end()]).then(() =>
      rmSync(folderOf(folder, service), { recursive: true, force: true }),
    );
    endings.set(service, ended);
    return ended;
  };
  const status = (source: GitSource) =>
    statusOf(store, source, followers.get(source.service)?.isLooking ?? false);
  for (const { service } of sources.all()) follow(service);
  return {
    look: (service) => {
      const all = sources.all();
      const pushed = all.find((source) => source.service === service);
      const concerned = all.filter(({ url }) => url === pushed?.url).map((source) => source.service);
      for (const one of concerned) followers.get(one)?.look();
      return concerned;
    },
    close: async () => {
      isClosed = true;
      await Promise.all([...followers.values()].map((follower) => follower.end()));
    },
    operations: {
      sources: async () => sources.all().map(status),
      source: async ({ service }) => status(sources.one(service)),
      addSource: async ({ service, reason, ...spec }, who) => {
        const { protocol, url } = parseRemote(spec.url);
        for (const path of [spec.credentials, spec.knownHosts])
          if (path !== undefined) requirePlainPath(path);
        if (protocol === "ssh") sshFiles(spec, "usage");
        await Promise.allSettled([endings.get(service)]);
        sources.add(service, { ...spec, url }, askerOf({ reason }, who));
        follow(service);
      },
      removeSource: async (asked, who) => {
        sources.remove(asked.service, askerOf(asked, who));
        await unfollow(asked.service);
      },
      holdSource: async (asked, who) => sources.hold(asked.service, askerOf(asked, who)),
      resumeSource: async (asked, who) => {
        sources.resume(asked.service, askerOf(asked, who));
        followers.get(asked.service)?.look();
      },
      syncSource: async ({ force = false, ...asked }, who) => {
        sources.sync(asked.service, askerOf(asked, who));
        followers.get(asked.service)?.look({ force, retry: true });
      },
    },
  };
}

function statusOf(store: Store, { allowedSigners, ...source }: GitSource, looking: boolean): SourceStatus {
  const { head, deployed, failing } = source;
  const rollout = deployed?.rollout === undefined ? undefined : store.rollout(deployed.rollout);
  return {
    ...source,
    looking,
    signed: allowedSigners !== undefined,
    webhook: store.sourceWebhooks.of(source.service),
    credentials: source.credentials,
    knownHosts: source.knownHosts,
    head: head && { ...head, signer: head.signer },
    deployed: deployed && { ...deployed, rollout: deployed.rollout, phase: rollout?.phase },
    failing: failing && {
      ...failing,
      ...{ hint: failing.hint, commit: failing.commit, nextTryAtMs: failing.nextTryAtMs },
    },
  };
}
