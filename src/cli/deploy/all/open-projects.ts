import { dirname } from "node:path";
import { type ServiceKey, serviceKey } from "../../../domain/ids.ts";
import { KilnError, type Problem } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import type { Project } from "../../project.ts";
import { findSpecFiles } from "./find-files.ts";
import { type OrderFault, orderOf } from "./order.ts";

/** One service of many. */
export interface ProjectMember extends Project {
  readonly key: ServiceKey;
  readonly name: string;
  /** Names of the services that must serve before its rollout begins. */
  readonly after: readonly string[];
}

/**
 * Every service of every `kiln.yaml` in the folder and below, in the order of their rollouts. Throws `spec_invalid` with the
 * problems of all files, among them services of the same name, and unknown names and cycles in `after`.
 */
export async function openProjects(
  folder: string,
  environment: string | undefined,
): Promise<readonly ProjectMember[]> {
  const files = await findSpecFiles(folder);
  const { loadSpecs } = await import("../../../spec/load.ts");
  const loaded = await Promise.allSettled(files.map((file) => loadSpecs(file, { environment })));
  const problems: Problem[] = [];
  const members = loaded.flatMap((result, index): ProjectMember[] => {
    const file = files[index] ?? "";
    if (result.status === "rejected") {
      if (!isInvalid(result.reason)) throw result.reason;
      problems.push(...result.reason.problems);
      return [];
    }
    return result.value.map((spec) => ({
      ...{ spec, file, folder: dirname(file), name: spec.service, after: spec.after ?? [] },
      key: serviceKey(spec.service, spec.environment),
    }));
  });
  problems.push(...(await sameNames(members)));
  // A name in a file that cannot be read is not unknown.
  const { order, faults } = orderOf(members);
  if (problems.length === 0) problems.push(...(await orderProblems(members, faults)));
  if (problems.length === 0) return order;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  throw new KilnError("spec_invalid", `The files of ${folder} have ${count}.`, { problems });
}

function isInvalid(error: unknown): error is KilnError {
  return error instanceof KilnError && error.code === "spec_invalid" && error.problems.length > 0;
}

async function sameNames(members: readonly ProjectMember[]): Promise<readonly Problem[]> {
  const first = new Map<string, ProjectMember>();
  const problems: Problem[] = [];
  for (const member of members) {
    const other = first.get(member.name);
    if (other === undefined) first.set(member.name, member);
    else {
      const message = `The service \`${member.name}\` is also described by ${other.file}; expected each name once.`;
      problems.push(
        await placed(member, ["service"], message, "Rename one of the two, or name a smaller folder."),
      );
    }
  }
  return problems;
}

function orderProblems(
  members: readonly ProjectMember[],
  faults: readonly OrderFault[],
): Promise<readonly Problem[]> {
  const names = members.map(({ name }) => name);
  return Promise.all(
    faults.map((fault) => {
      const member = members.find(({ name }) => name === fault.name);
      if (member === undefined) throw new Error(`There is no service ${fault.name}.`);
      const path = ["after", fault.index];
      if (fault.kind === "cycle") {
        const message = `\`after\` makes a cycle: ${fault.cycle.join(" after ")}; expected an order in which each can begin.`;
        return placed(member, path, message, "Remove one of these names from `after`.");
      }
      const found = member.after[fault.index] ?? "";
      const meant = nearest(found, names);
      const hint = meant === undefined ? `There are: ${names.join(", ")}.` : `Did you mean \`${meant}\`?`;
      return placed(
        member,
        path,
        `\`after\` names ${found}, which no file describes; expected a service.`,
        hint,
      );
    }),
  );
}

async function placed(
  { file, spec }: ProjectMember,
  path: readonly (string | number)[],
  message: string,
  hint: string,
): Promise<Problem> {
  const { locate } = await import("../../../spec/yaml/locate.ts");
  const place = await locate(file, spec, path);
  return { message, hint, ...(place && { place }) };
}
