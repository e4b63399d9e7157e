import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Asker, LocalActor } from "../../domain/access/actor.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Store } from "../../store/store.ts";
import type { Operations } from "../operations.ts";
import type { Platforms } from "./operations.ts";

const setupSchema = z.strictObject({
  /** Whether servers can run on the controller's own machine. */
  local: z.boolean().default(true),
  /** As `kiln controller listen` takes them. */
  listen: z
    .strictObject({ address: z.string().min(1), names: z.array(z.string().min(1)).default([]) })
    .optional(),
  /** As `kiln target add` takes them. */
  targets: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "expected lower-case letters, digits and hyphens"),
      z.strictObject({ platform: z.string().min(1), options: z.record(z.string(), z.string()).default({}) }),
    )
    .default({}),
});

/** What a controller is to have from its start, where no one enters its machine to give it. */
export type Setup = z.output<typeof setupSchema>;

/** JSON or YAML. Undefined without a path. Throws `usage` with what is wrong in the file. */
export async function readSetup(path: string | undefined): Promise<Setup | undefined> {
  if (path === undefined) return undefined;
  const at = (problem: string, cause?: unknown) =>
    new KilnError("usage", `The setup ${path} ${problem}`, {
      hint: "docs/kubernetes.md has an example.",
      cause,
    });
  const { parse } = await import("yaml"); // 6 MiB that few controllers need
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw at(`cannot be read: ${toKilnError(error).message}`, error);
  }
  const found = setupSchema.safeParse(content);
  if (!found.success) throw at(`is not valid: ${z.prettifyError(found.error).replaceAll("\n", " ")}.`);
  return found.data;
}

/** The file is as good as its owner, who has started the controller with it. */
function setupActor(): LocalActor {
  return { via: "socket", name: "setup", uid: process.getuid?.() ?? -1 };
}

/** Adds the targets that are missing. One that has other options keeps them, because servers may be on it. Throws `target_invalid`. */
export function addTargetsOf(
  { targets }: Setup,
  { store, platforms, log }: { readonly store: Store; readonly platforms: Platforms; readonly log: Logger },
): void {
  const by: Asker = { actor: setupActor() };
  for (const [name, { platform, options }] of Object.entries(targets)) {
    const target = { name, platform, options };
    platforms.requireValid(target);
    const found = store.targets().find((one) => one.name === name);
    if (found === undefined) store.addTarget(target, by);
    else if (found.platform !== platform || !isSame(found.options, options))
      log.warn({ target: name }, "the target has other options than the setup, and keeps them");
  }
}

function isSame(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean {
  const text = (all: typeof one) => JSON.stringify(Object.entries(all).toSorted());
  return text(one) === text(other);
}

/** Opens the controller to the network as the setup says, unless it is. */
export async function listenAs(
  { listen }: Setup,
  { store, operations }: { readonly store: Store; readonly operations: Pick<Operations, "listen"> },
): Promise<void> {
  if (listen === undefined) return;
  const now = store.access.listener();
  const isSo = now?.address === listen.address && now.names.join() === listen.names.join();
  if (!isSo) await operations.listen({ ...listen, reason: undefined }, { actor: setupActor() });
}
