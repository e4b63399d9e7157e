import { localTarget } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Site } from "./site.ts";

/** Throws `target_unreachable`, and `platform_unusable`, or the code that the platform has for it (`not_root`), with all that must be fixed and each remedy. */
export async function requireUsable(site: Site): Promise<void> {
  site.loop.observer.requireAnswer();
  const { usable, gaps } = await site.probe();
  if (usable) return;
  const fatal = gaps.filter(({ severity }) => severity === "fatal");
  const decisive = fatal.find(({ code }) => code !== undefined);
  const { name } = site.target;
  const place = name === localTarget.name ? "on this machine" : `on the target ${name}`;
  throw new KilnError(decisive?.code ?? "platform_unusable", `Servers cannot run ${place}.`, {
    problems: fatal.map(({ what, remedy }) => ({ message: what, hint: remedy })),
    hint: decisive?.remedy ?? "`kiln doctor` shows everything that is missing.",
  });
}
