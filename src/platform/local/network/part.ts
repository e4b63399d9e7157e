import type { ServerId } from "../../../domain/ids.ts";
import type { ResolverFiles } from "./names/resolver-files.ts";
import type { Link, NetworkState } from "./state.ts";

/** How a part is put right. */
export interface Mend {
  /** Lines for `ip -batch`. */
  readonly ip?: readonly string[];
  /** Calls of `iptables` and the like: argv. */
  readonly iptables?: readonly (readonly [string, ...string[]])[];
  /** Our packet filter table is written again. */
  readonly filter?: boolean;
  /** What names lead to is written again, and the resolver answers with them. */
  readonly names?: boolean;
  /** Settings of the kernel that `ip` needs, and others, in order. */
  readonly allows?: readonly Setting[];
  readonly settings?: readonly Setting[];
}

/** A file below /proc/sys, and what it should hold. */
export interface Setting {
  readonly file: string;
  readonly value: string;
}

/** One thing that must be true of the machine's network while servers run. */
export interface Part {
  readonly holds: (state: NetworkState) => boolean;
  /** What is wrong when it does not hold: a clause whose subject is the part. */
  readonly broken: (state: NetworkState) => string;
  /** Absent: nothing that Kiln may do puts it right. Called only when it does not hold. */
  readonly mend?: (state: NetworkState) => Mend;
  /** What to do about it, for people, where nothing mends it. */
  readonly remedy?: string;
  /** It is only a consequence of another part's fault, which is reported. */
  readonly implied?: (state: NetworkState) => boolean;
  /** Servers can do without it. */
  readonly optional?: boolean;
  /** A server that nothing reaches any longer: another server must take its place. */
  readonly server?: ServerId;
}

/** What names need of the machine. */
export interface WantedTables {
  /** Our packet filter tables as nft lists them. */
  readonly filter: string;
  readonly nameFilter: string;
  /** Undefined where there is no program for it. */
  readonly resolver: ResolverFiles | undefined;
}

/** `10.192.4.1/22` */
export function addressesOf(link: Link | undefined, family: "inet" | "inet6"): readonly string[] {
  return (link?.addr_info ?? []).filter((a) => a.family === family).map((a) => `${a.local}/${a.prefixlen}`);
}
