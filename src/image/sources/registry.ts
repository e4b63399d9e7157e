import { parseReference, pinnablePattern } from "../registry/reference.ts";
import type { Source } from "./source.ts";

/** An image in a registry: `registry.example/team/nginx:1.27`. kiln.lock pins the digest that the tag names. */
export const registry: Source<{ readonly kind: "registry"; readonly reference: string }> = {
  pattern: pinnablePattern,
  parse: (text) => (parseReference(text) === undefined ? undefined : { kind: "registry", reference: text }),
  hint: (text) => {
    const untagged = parseReference(text);
    if (untagged !== undefined) return `Name a tag or a digest: \`${text}:TAG\`.`;
    if (/^http:\/\//.test(text))
      return "`http://` is only for a registry on this machine, such as `http://127.0.0.1:5000/shop:1`; leave it out for others.";
    if (/^https:\/\//.test(text)) return `Leave out \`https://\`: \`${text.slice("https://".length)}\`.`;
    if (/^[a-z0-9._-]+(\/[a-z0-9._-]+)*(:[\w.-]+)?$/.test(text))
      return `Name the registry, and a tag or a digest: \`registry.example/${text.includes(":") ? text : `${text}:TAG`}\`.`;
    return undefined;
  },
  bringsCommand: true,
  takesPackages: false,
  runsSteps: false,
  open: async (base, call) => (await import("./registry-base.ts")).openRegistryBase(base.reference, call),
};
