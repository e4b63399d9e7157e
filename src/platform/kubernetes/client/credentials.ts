import { readFileSync } from "node:fs";
import { z } from "zod";
import { clauseOf, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { ExecPlugin, User } from "./kubeconfig.ts";

/** Who asks, for one request. */
export interface ClusterCredentials {
  readonly token: string | undefined;
  readonly certificate: Buffer | string | undefined;
  readonly key: Buffer | string | undefined;
}

/** What a plugin prints: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
const answerSchema = z.object({
  status: z.object({
    token: z.string().min(1).optional(),
    clientCertificateData: z.string().min(1).optional(),
    clientKeyData: z.string().min(1).optional(),
    expirationTimestamp: z.iso.datetime({ offset: true }).optional(),
  }),
});

/** Credentials that are still valid for this long are not asked for again. */
const spareMs = 30_000;
/** However soon they expire, they count for this long: a plugin is a process. */
const leastMs = 5_000;
const pluginMs = 60_000;
/** How long the content of a token's file counts: it is replaced long before it expires. */
const tokenFileMs = 60_000;

interface Held {
  readonly credentials: ClusterCredentials;
  readonly untilMs: number;
}

/** Hands out a user's credentials, and asks for others when they expire or when the server has refused them. */
export class CredentialSource {
  readonly #user: User;
  readonly #clock: Clock;
  #held: Held | undefined;
  #asking: Promise<Held> | undefined;

  constructor(user: User, clock: Clock) {
    this.#user = user;
    this.#clock = clock;
  }

  /** Throws `target_unreachable` when a plugin or a file does not give them. */
  async current(signal: AbortSignal): Promise<ClusterCredentials> {
    if (this.#held !== undefined && this.#clock.now() < this.#held.untilMs) return this.#held.credentials;
    this.#asking ??= this.#obtain().finally(() => {
      this.#asking = undefined;
    });
    return (await unlessAborted(this.#asking, signal)).credentials;
  }

  /** The server has refused these. True when asking for others may help. */
  refused(credentials: ClusterCredentials): boolean {
    if (this.#held?.credentials === credentials) this.#held = undefined;
    return this.#user.exec !== undefined || this.#user.tokenFile !== undefined;
  }

  async #obtain(): Promise<Held> {
    const { certificate, key, token, tokenFile, exec: plugin } = this.#user;
    if (plugin !== undefined) {
      this.#held = await this.#ask(plugin);
      return this.#held;
    }
    const fromFile = tokenFile === undefined ? undefined : readToken(tokenFile);
    const untilMs = tokenFile === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() + tokenFileMs;
    this.#held = { credentials: { certificate, key, token: fromFile ?? token }, untilMs };
    return this.#held;
  }

  async #ask({ argv, apiVersion, env }: ExecPlugin): Promise<Held> {
    const info = { apiVersion, kind: "ExecCredential", spec: { interactive: false } };
    const own = Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    try {
      const { stdout } = await exec(argv, {
        env: { ...Object.fromEntries(own), ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        timeoutMs: pluginMs,
      });
      const { status } = answerSchema.parse(JSON.parse(stdout));
      const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = status;
      const expiresMs =
        expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(expirationTimestamp);
      return {
        credentials: { token, certificate, key },
        untilMs: Math.max(expiresMs - spareMs, this.#clock.now() + leastMs),
      };
    } catch (cause) {
      throw new KilnError(
        "target_unreachable",
        `${argv[0]} gave no credentials for the cluster: ${clauseOf(cause)}.`,
        {
          hint: "Run it by hand as the user of the controller; it must answer without a terminal.",
          ...{ cause, retry: true },
        },
      );
    }
  }
}

/** Others may wait for the same work, which continues. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function readToken(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new KilnError("target_unreachable", `The token in ${path} cannot be read.`, {
      hint: "Put a token there, or correct `tokenFile` in the kubeconfig.",
      ...{ cause, retry: true },
    });
  }
}
