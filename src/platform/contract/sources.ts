import type { ServiceKey } from "../../domain/ids.ts";
import type { ReleaseSecret } from "../../domain/rollout/release.ts";
import type { Call } from "./call.ts";

/** What every virtual machine starts; `src/image` implements it, the composition root hands it in. */
export interface MachineSource {
  /** Makes what is missing; repeating it is cheap. Throws what fetching packages throws. */
  parts(call: Call): Promise<MachineParts>;
}

/** Absolute paths, and the digests (`sha256:…`) of what they hold. */
export interface MachineParts {
  readonly kernel: { readonly file: string; readonly sha256: string };
  readonly initrd: { readonly file: string; readonly sha256: string };
}

/** Values of secrets as a host needs them when it makes a server; the composition root hands it in. */
export interface SecretSource {
  /** The value of the newest version. Throws `secret_missing`, `secret_key_invalid`, `secret_corrupt`. */
  newest(service: ServiceKey, name: string): Promise<Uint8Array>;
  /** All of them, by name. Throws `secret_missing`, `secret_key_invalid`, `secret_corrupt`. */
  open(service: ServiceKey, secrets: readonly ReleaseSecret[]): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** Contents of configuration files; the composition root hands it in. */
export interface ConfigSource {
  /** By the digest that a kept release names. Throws `state_corrupt`. */
  open(digest: string): Promise<Uint8Array>;
}
