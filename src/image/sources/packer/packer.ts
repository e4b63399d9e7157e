import type { Source } from "../source.ts";

/** What a Packer template builds: `packer:PATH`, or `packer:PATH#BUILD` for one of its builds. PATH is a file or a folder. */
export const packer: Source<{
  readonly kind: "packer";
  readonly path: string;
  readonly build: string | undefined;
}> = {
  pattern: "packer:[^#]+(?:#[A-Za-z0-9][A-Za-z0-9._-]*)?",
  parse: (text) => {
    const [path = "", build] = text.slice("packer:".length).split("#");
    return { kind: "packer", path, build };
  },
  hint: (text) => {
    if (/^packer(:|$)/i.test(text))
      return "Write `packer:./web.pkr.hcl`, or `packer:./web.pkr.hcl#BUILD` for one of its builds.";
    return /\.pkr\.(hcl|json)$/.test(text) ? `Write \`packer:${text}\`.` : undefined;
  },
  bringsCommand: true,
  takesPackages: false,
  runsSteps: true,
  open: async (base, call) => (await import("./packer-base.ts")).openPacker(base, call),
};
