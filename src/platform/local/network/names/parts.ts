import { bridgeName } from "../commands.ts";
import type { Part, WantedTables } from "../part.ts";
import { isServing } from "./resolver.ts";
import { namesTable } from "./rules.ts";

/** What leads names to services. Servers run without it. */
export function nameParts(tag: string, { nameFilter: rules, resolver }: WantedTables): readonly Part[] {
  const mended = { mend: () => ({ names: true }), optional: true };
  const table: Part = {
    holds: ({ nameFilter }) => nameFilter === rules,
    broken: ({ nameFilter }) =>
      `the packet filter table inet ${namesTable(tag)} was ${nameFilter === undefined ? "deleted" : "changed"}`,
    ...mended,
  };
  if (resolver === undefined) return [table];
  return [
    table,
    {
      holds: ({ resolver: present }) => isServing(present, resolver),
      broken: ({ resolver: { pid } }) =>
        `the resolver of names of services ${pid === undefined ? "did not run" : "had other files than it should"}`,
      ...mended,
      implied: ({ links }) => !links.has(bridgeName(tag)),
    },
  ];
}
