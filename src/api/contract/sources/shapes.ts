import { z } from "zod";
import { rolloutPhase } from "../../../domain/schema/rollout.ts";
import { amount, atMs, maybe, newServiceKey } from "../../../domain/schema/values.ts";
import { hostPort, reason } from "../common.ts";

const NamedSource = z.strictObject({ service: newServiceKey, reason });

/** git-check-ref-format(1), without what no one uses in the name of a branch. */
const branch = z
  .string()
  .max(200)
  .regex(
    /^(?!.*(\.\.|\.lock$|\.lock\/|\/\.|\/\/|\.$|\/$))[A-Za-z0-9_][A-Za-z0-9._/-]*$/,
    "the name of a branch, such as main or release/1.x",
  );

const path = z
  .string()
  .max(500)
  .regex(
    /^(\.|(?!\.\.?(\/|$)|\.git(\/|$))[A-Za-z0-9._@+-]+(\/(?!\.\.?(\/|$))[A-Za-z0-9._@+-]+)*)$/,
    "a folder within the repository, such as deploy/shop",
  );

const file = z.string().max(500).optional();

const AddSource = NamedSource.extend({
  url: z
    .string()
    .min(1)
    .max(1_000)
    .describe("https://HOST/PATH or ssh://USER@HOST/PATH, without a password."),
  branch: branch.default("main"),
  path: path.default(".").describe("The folder of kiln.yaml in the repository."),
  intervalMs: z
    .number()
    .int()
    .min(10_000)
    .max(86_400_000)
    .default(60_000)
    .describe("How often to look, in ms."),
  credentials: file.describe(
    "A file of the controller's machine that only its user can read: TOKEN or USER:TOKEN for https, a private key for ssh.",
  ),
  knownHosts: file.describe("A file of the controller's machine with the keys of the host, for ssh."),
  allowedSigners: z
    .string()
    .min(1)
    .max(65_536)
    .optional()
    .describe(
      "Content of a file of allowed signers (ssh-keygen): only commits that they signed are deployed.",
    ),
});

const SyncSource = NamedSource.extend({
  force: z
    .boolean()
    .optional()
    .describe("Also a commit that was deployed before, and a branch that was rewritten."),
});

const AddSourceWebhook = NamedSource.extend({
  address: hostPort
    .optional()
    .describe("How the forge reaches the controller. Absent: its first name or address."),
});

/** What operations of sources are asked with. */
export const sourceAsks = { NamedSource, AddSource, SyncSource, AddSourceWebhook };

const Source = z.object({
  service: z.string(),
  ...{ url: z.string(), branch: z.string(), path: z.string(), intervalMs: amount },
  credentials: maybe(z.string()).describe("The path of the file."),
  knownHosts: maybe(z.string()),
  webhook: maybe(
    z.object({
      ...{ id: z.string(), service: z.string(), addedAtMs: atMs, addedBy: z.string() },
      usedAtMs: maybe(atMs).describe("When the forge reported a push last."),
    }),
  ).describe("By which the forge reports pushes."),
  signed: z.boolean().describe("Only commits of allowed signers are deployed."),
  ...{ addedAtMs: atMs, addedBy: z.string() },
  hold: maybe(z.object({ sinceMs: atMs, by: z.string(), because: z.string() })).describe(
    "Nothing is deployed from the repository until someone resumes it.",
  ),
  head: maybe(
    z.object({
      ...{ id: z.string(), author: z.string(), subject: z.string(), committedAtMs: atMs },
      signer: maybe(z.string()),
    }),
  ).describe("The last commit of the branch that was read."),
  lookedAtMs: maybe(atMs),
  deployed: maybe(
    z.object({
      ...{ commit: z.string(), tree: z.string(), atMs, release: amount },
      rollout: maybe(amount).describe("Absent: the release served already."),
      phase: maybe(rolloutPhase).describe("How far the rollout is."),
    }),
  ).describe("What was deployed last."),
  failing: maybe(
    z.object({
      ...{ sinceMs: atMs, attempts: amount, code: z.string(), message: z.string() },
      ...{ hint: maybe(z.string()), problems: z.array(z.string()), commit: maybe(z.string()) },
      nextTryAtMs: maybe(atMs).describe("When this commit is tried again, if the branch still has it."),
    }),
  ).describe("Why the last commit is not deployed."),
  nextLookAtMs: atMs,
  looking: z.boolean().describe("A look is under way, or was asked for."),
});

const SourceWebhookSecret = z.object({
  secret: z.string().describe("What the forge signs with. It is not shown again."),
});

export const sourceAnswers = {
  ...{ Source, Sources: z.array(Source), SourceWebhookSecret },
  NewSourceWebhook: SourceWebhookSecret.extend({ url: z.string().describe("For the forge.") }),
};
