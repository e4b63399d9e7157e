import type { FolderView } from "./folder.ts";
import type { Recipe } from "./recipe.ts";

/** A kind of project that is known by a file of it, where too little else is there to tell how it is run. */
interface Kind {
  readonly sign: string;
  /** Why it was not taken for a program: the rest of a sentence that begins with the file. */
  readonly lack: string;
  /** What to put into kiln.yaml in place of the page: lines of comment. */
  readonly instead: (suite: string) => readonly string[];
}

const python = (suite: string) => [
  `from: debian:${suite}`,
  "packages: [python3]   # and what it imports, as Debian calls it: python3-flask",
  "files: [{ from: ./src, to: /app }]",
  "command: [python3, /app/main.py]   # its port is `servers.port`",
];

const binary = (build: string) => () => [
  "from: scratch",
  `files: [{ from: ./NAME, to: /NAME }]   # made by: ${build}`,
  "user: 65534",
  "command: [/NAME]   # its port is `servers.port`",
];

const kinds: readonly Kind[] = [
  {
    sign: "go.mod",
    lack: "is there, but no `package main` here or in cmd/",
    instead: binary("CGO_ENABLED=0 go build -o NAME ./PACKAGE"),
  },
  {
    sign: "Cargo.toml",
    lack: "is there, but no package with a src/main.rs",
    instead: binary("cargo build --release --target x86_64-unknown-linux-musl"),
  },
  {
    sign: "package.json",
    lack: "names no file that Node.js could start (`main`, or `scripts.start` with `node FILE`)",
    instead: (suite) => [
      "a program (compile what has to be, such as TypeScript, before `kiln deploy`):",
      `  from: debian:${suite}`,
      "  packages: [nodejs]",
      "  files: [{ from: ./dist, to: /app/dist }, { from: ./node_modules, to: /app/node_modules }]",
      "  command: [node, /app/dist/server.js]   # its port is `servers.port`",
      "a site that is built: run its build, and name the folder in `files` instead of the page's.",
    ],
  },
  { sign: "requirements.txt", lack: "is there, but no .py file beside it", instead: python },
  { sign: "pyproject.toml", lack: "is there, but no .py file beside it", instead: python },
];

/** The same recipe, which says that it is not what the project is, and what to put instead. */
export function withoutSupport(folder: FolderView, recipe: Recipe): Recipe {
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
