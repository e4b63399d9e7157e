import type { Source } from "./source.ts";

/** What a Dockerfile builds: `dockerfile:PATH`, or `dockerfile:PATH#STAGE` for one of its stages. */
export const dockerfile: Source<{
  readonly kind: "dockerfile";
  readonly path: string;
  readonly stage: string | undefined;
}> = {
  pattern: "dockerfile:[^#]+(?:#[A-Za-z0-9][A-Za-z0-9._-]*)?",
  parse: (text) => {
    const [path = "", stage] = text.slice("dockerfile:".length).split("#");
    return { kind: "dockerfile", path, stage };
  },
  hint: (text) => {
    if (/^dockerfile(:|$)/i.test(text))
      return "Write `dockerfile:./Dockerfile`, or `dockerfile:./Dockerfile#STAGE` for one of its stages.";
    return /(^|\/)(Docker|Container)file$/.test(text) ? `Write \`dockerfile:${text}\`.` : undefined;
  },
  bringsCommand: true,
  takesPackages: false,
  runsSteps: true,
  open: async (base, call) => (await import("./dockerfile-base.ts")).openDockerfile(base, call),
};
