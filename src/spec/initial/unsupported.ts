import type { FolderView } from "./folder.ts";
import type { ProjectRecipe } from "./recipe.ts";

/** A kind of project that a file identifies, when the other files do not show how to run it. */
interface Kind {
  readonly sign: string;
  /** Why it is not a program that Kiln can run: the rest of a sentence that begins with the file name. */
  readonly lack: string;
  /** What to put into kiln.yaml instead of the page, as comment lines. */
  readonly instead: (suite: string) => readonly string[];
}

const python = (suite: string) => [
  `from: debian:${suite}`,
  "packages: [python3]   # and Debian's names of the imports, such as python3-flask",
  "files: [{ from: ./src, to: /app }]",
  "command: [python3, /app/main.py]   # its port is `servers.port`",
];

const binary = (build: string) => () => [
  "from: scratch",
  `files: [{ from: ./NAME, to: /NAME }]   # built by: ${build}`,
  "user: 65534",
  "command: [/NAME]   # its port is `servers.port`",
];

const kinds: readonly Kind[] = [
  {
    sign: "go.mod",
    lack: "exists, but there is no `package main` here or in cmd/",
    instead: binary("CGO_ENABLED=0 go build -o NAME ./PACKAGE"),
  },
  {
    sign: "Cargo.toml",
    lack: "exists, but there is no package with a src/main.rs",
    instead: binary("cargo build --release --target x86_64-unknown-linux-musl"),
  },
  {
    sign: "package.json",
    lack: "names no file that Node.js could start (`main`, or `scripts.start` with `node FILE`)",
    instead: (suite) => [
      "a program (compile it first if needed, for example TypeScript):",
      `  from: debian:${suite}`,
      "  packages: [nodejs]",
      "  files: [{ from: ./dist, to: /app/dist }, { from: ./node_modules, to: /app/node_modules }]",
      "  command: [node, /app/dist/server.js]   # its port is `servers.port`",
      "a site with a build step: run the build, and name its output folder in `files`.",
    ],
  },
  { sign: "requirements.txt", lack: "exists, but there is no .py file next to it", instead: python },
  { sign: "pyproject.toml", lack: "exists, but there is no .py file next to it", instead: python },
];

/** The same recipe, with comments that it does not fit the project and what to put instead. */
export function withoutSupport(folder: FolderView, recipe: ProjectRecipe): ProjectRecipe {
  const kind = kinds.find(({ sign }) => folder.files.has(sign));
  if (kind === undefined) return recipe;
  const { sign, lack, instead } = kind;
  return {
    ...recipe,
    about: `${recipe.about.replace(/\.$/, "")}, and not your program.`,
    todo: `${sign} ${lack}; comments in kiln.yaml say what to put instead.`,
    notes: (suite) => [
      `${sign} ${lack}.`,
      "Under `image`, put instead:",
      ...instead(suite).map((line) => `  ${line}`),
    ],
  };
}
