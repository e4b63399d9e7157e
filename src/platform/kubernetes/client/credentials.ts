import { readFileSync } from "node:fs";
import { z } from "zod";
import { clauseOf, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import type { ExecPlugin, User } from "./kubeconfig.ts";

/** Who asks, for one request. */
export interface Credentials {
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
const pluginMs = 60_000;
/** How long the content of a token's file counts: it is replaced long before it expires. */
const tokenFileMs = 60_000;

/** Hands out a user's credentials, and asks for others when they expire or when the server has refused them. */
export class CredentialSource {
  readonly #user: User;
  readonly #clock: Clock;
  #held: { readonly credentials: Credentials; readonly untilMs: number } | undefined;

  constructor(user: User, clock: Clock) {
    this.#user = user;
    this.#clock = clock;
  }

  /** Throws `target_unreachable` when a plugin or a file does not give them. */
  async current(signal: AbortSignal): Promise<Credentials> {
    if (this.#held !== undefined && this.#clock.now() < this.#held.untilMs) return this.#held.credentials;
    this.#held = await this.#obtain(signal);
    return this.#held.credentials;
  }

  /** The server has refused them. True when asking for others may help. */
  refused(): boolean {
    this.#held = undefined;
    return this.#user.exec !== undefined || this.#user.tokenFile !== undefined;
  }

  async #obtain(signal: AbortSignal): Promise<{ credentials: Credentials; untilMs: number }> {
    const { certificate, key, token, tokenFile, exec: plugin } = this.#user;
    if (plugin !== undefined) return this.#ask(plugin, signal);
    const fromFile = tokenFile === undefined ? undefined : readToken(tokenFile);
    const untilMs = tokenFile === undefined ? Number.POSITIVE_INFINITY : this.#clock.now() + tokenFileMs;
    return { credentials: { certificate, key, token: fromFile ?? token }, untilMs };
  }

  async #ask({ argv, apiVersion, env }: ExecPlugin, signal: AbortSignal) {
    const info = { apiVersion, kind: "ExecCredential", spec: { interactive: false } };
    const own = Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    try {
      const { stdout } = await exec(argv, {
        env: { ...Object.fromEntries(own), ...env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        ...{ signal, timeoutMs: pluginMs },
      });
      const { status } = answerSchema.parse(JSON.parse(stdout));
      const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = status;
      const expiresMs =
        expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(expirationTimestamp);
      return { credentials: { token, certificate, key }, untilMs: expiresMs - spareMs };
    } catch (cause) {
      signal.throwIfAborted();
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
