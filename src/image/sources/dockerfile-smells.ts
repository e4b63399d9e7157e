import { instructions } from "./dockerfile-stages.ts";

/** Something in a Dockerfile that does not do what its author may expect of it. */
export interface Smell {
  /** From 1. */
  readonly line: number;
  /** A clause. */
  readonly problem: string;
}

interface Rule {
  readonly when: RegExp;
  readonly problem: (found: RegExpExecArray) => string;
  /** Not where steps reach the internet. */
  readonly onlyOffline?: boolean;
}

/** By the first line of an instruction. */
const rules: readonly Rule[] = [
  ...[
    ["HEALTHCHECK", "`health` of kiln.yaml says how servers are checked"],
    ["VOLUME", "`servers.volumes` of kiln.yaml states data that stays"],
    ["EXPOSE", "`servers.port` of kiln.yaml is the port"],
    ["ONBUILD", "no other Dockerfile is built on the result"],
  ].map(([name = "", why = ""]) => ({
    when: new RegExp(`^\\s*${name}\\s+(?!NONE\\s*$)`, "i"),
    problem: () => `${name} has no effect: ${why}`,
  })),
  {
    when: /^\s*(?:ENV|ARG)\s+(\w*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY)\w*)(?:=|\s+)["']?[^\s"']/i,
    problem: ([, name]) =>
      `the value of ${name} stays in the image, where everyone reads it who has the image; \`servers.secrets\` of kiln.yaml gives servers secrets`,
  },
  {
    when: /^\s*ADD\s+(?:--\S+\s+)*(?:https?:|git@|git:)/i,
    problem: () =>
      "ADD from the network fails: steps have no network. Bring the file into the project, or write `image.network: internet`",
    onlyOffline: true,
  },
  {
    when: /^\s*RUN\s.*\bsudo\s/i,
    problem: () => "sudo is not needed: steps run as root unless USER says otherwise",
  },
];

/** In the order of the lines. */
export function dockerfileSmells(text: string, internet: boolean): readonly Smell[] {
  const valid = rules.filter(({ onlyOffline }) => !(internet && onlyOffline));
  return [...instructions(text)].flatMap(({ line, words }) =>
    valid.flatMap(({ when, problem }) => {
      const found = when.exec(words);
      return found === null ? [] : [{ line, problem: problem(found) }];
    }),
  );
}
