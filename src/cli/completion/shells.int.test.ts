import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anApi, fakeOperations, type TestApi } from "../../api/testing.ts";
import { exec } from "../../lib/process/exec.ts";

const kiln = new URL("../../../kiln", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "kiln-completion-"));
let api: TestApi;

beforeAll(async () => {
  api = await anApi(fakeOperations().operations);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await exec([kiln, "completion", shell]);
    writeFileSync(join(folder, shell), stdout);
  }
  writeFileSync(
    join(folder, "kiln.yaml"),
    "service: shop\nenvironments:\n  staging: {}\n  production: {}\n  st$(id>ran): {}\n",
  );
});

afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What a shell offers after this line, from the controller's socket. */
type Complete = (line: string, socket?: string) => Promise<readonly string[]>;

async function printed(argv: readonly [string, ...string[]], line: string, socket = api.socketPath) {
  const env = { PATH: process.env.PATH ?? "", HOME: folder, KILN_HOME: folder, KILN_CONTROLLER: socket };
  const { stdout } = await exec([...argv, line], { cwd: folder, env: { ...env, TERM: "dumb" } });
  return stdout.split("\n").filter((word) => word !== "");
}

/** As readline(3) does: it splits the line, and puts in place of the part after the last separator what it gets. */
const bash: Complete = (line, socket) =>
  printed(
    [
      ...(["bash", "-c"] as const),
      `source ./bash
       compopt() { compgen -f; }
       [[ $(complete -p kiln) == *_kiln* ]] || exit 1
       COMP_LINE=$1 COMP_POINT=\${#1}
       COMP_WORDS=($(sed 's/[:=]/ & /g' <<<"$1")); [[ $1 != *[:=\\ ] ]] || COMP_WORDS+=("")
       COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
       _kiln ${kiln}
       printf '%s\\n' "\${COMPREPLY[@]}"`,
      "bash",
    ],
    line,
    socket,
  );

/** In a terminal of its own: the line as Tab completes it. */
const zsh: Complete = (line, socket) =>
  printed(
    [
      ...(["zsh", "-f", "-c"] as const),
      `zmodload zsh/zpty
       zpty shell zsh -f -i
       zpty -w shell 'autoload -Uz compinit; compinit -u -d ./dump; source ./zsh; PS1=READ''Y'
       zpty -r -m shell said '*READY*'
       zpty -w -n shell "$1"$'\\t\\C-a'"print -r -- '<'"$'\\C-e'"'>'"$'\\n'
       zpty -r -m shell said '*'$'\\n''<*>*'
       print -r -- \${\${said##*$'\\n'<}%%>*}`,
      "zsh",
    ],
    line,
    socket,
  );

const fish: Complete = async (line, socket) => {
  const found = await printed(
    ["fish", "--no-config", "-c", "source ./fish; complete -C $argv[1]"],
    line,
    socket,
  );
  return found.map((word) => word.replace(/\t.*/, ""));
};

const has = (shell: string) => spawnSync(shell, ["--version"]).error === undefined;

describe.for([
  ["bash", bash],
  ["fish", fish],
] as const)("%s", ([name, complete]) => {
  const withShell = has(name) ? test : test.skip;
  const line = (rest: string) => `${kiln} ${rest}`;

  withShell("knows commands, options, values, names and files", async () => {
    expect(await complete(line("roll"))).toEqual(["rollback", "rollout"]);
    expect(await complete(line("deploy --rea"))).toEqual(["--reason"]);
    expect(await complete(line("trust require --mode "))).toEqual(["enforce", "warn"]);
    expect(await complete(line("status s"))).toEqual(["shop"]);
    expect(await complete(line("deploy --env s"))).toEqual(["staging"]);
    expect((await complete(line("policy set k"))).map((word) => word.trim())).toContain("kiln.yaml");
  });

  withShell("names images, which have a colon", async () => {
    const [first] = await api.client.images({});
    const image = `${first?.service}:${first?.version}`;
    const typed = `${first?.service}:${first?.version[0]}`;
    const found = await complete(line(`image show ${typed}`));
    expect(found).toEqual([name === "bash" ? first?.version : image]);
  });

  withShell("is silent without a controller", async () => {
    expect(await complete(line("status s"), join(folder, "nothing"))).toEqual([]);
  });
});

describe("zsh", () => {
  const withShell = has("zsh") ? test : test.skip;

  withShell.each([
    ["trust req", "trust require"],
    ["deploy --rea", "deploy --reason"],
    ["trust require --mode e", "trust require --mode enforce"],
    ["status s", "status shop"],
    ["image show shop:1", "image show shop:1.4.0"],
    ["policy set k", "policy set kiln.yaml"],
  ])("completes %s", async (typed, complete) => {
    expect(await zsh(`${kiln} ${typed}`)).toEqual([`${kiln} ${complete}`]);
  });

  withShell("is silent without a controller", async () => {
    expect(await zsh(`${kiln} status s`, join(folder, "nothing"))).toEqual([`${kiln} status s`]);
  });
});
