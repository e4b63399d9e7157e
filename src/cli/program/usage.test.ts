import { expect, test } from "vitest";
import { cli } from "../test-kit.ts";

async function usage(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(argv);
  expect([code, stdout]).toEqual([2, ""]);
  return stderr;
}

test("an unknown command names the nearest", async () => {
  expect(await usage("buidl")).toBe(
    "error [usage] Unknown command 'buidl'.\nhint Did you mean build? `kiln help` explains everything.\n",
  );
  expect(await usage("controller", "strat")).toContain(
    "Did you mean start? `kiln help controller` explains it.",
  );
});

test("a word that is similar to no command gets no suggestion", async () => {
  expect(await usage("bogus")).toBe(
    "error [usage] Unknown command 'bogus'.\nhint `kiln help` explains everything.\n",
  );
});

test("a group with its own action also reports an unknown command", async () => {
  expect(await usage("audit", "vrify")).toBe(
    "error [usage] Unknown command 'audit vrify'.\nhint Did you mean verify? `kiln help audit` explains it.\n",
  );
  expect(await usage("audit", "--since", "2h", "bogus", "more")).toContain("Unknown command 'audit bogus'.");
});

test("help of a command below another, and of none", async () => {
  expect((await cli(["help", "secret", "set"])).stdout).toContain("Usage: kiln secret set ");
  expect((await cli(["help", "audit", "log"])).stdout).toContain("--since <TIME>");
  expect((await cli(["help"])).stdout).toContain("Make and deploy:");
  expect(await usage("help", "nope")).toContain("Unknown command 'nope'.");
  expect(await usage("help", "secret", "sett")).toContain(
    "Unknown command 'secret sett'.\nhint Did you mean set?",
  );
});

test.each([[["--json", "status"]], [["status", "--json"]], [["controller", "--json", "strat"]]])(
  "--json may stand anywhere: %j",
  async (argv) => {
    const { stdout, stderr } = await cli(argv, { client: { services: async () => [] } });
    expect([typeof JSON.parse(stdout), stderr]).toEqual(["object", ""]);
  },
);

test("an unknown option names the nearest, and the command's help", async () => {
  expect(await usage("deploy", "--nowait")).toContain(
    "Did you mean --no-wait? `kiln help deploy` explains it.",
  );
});

test("a group without a command lists its commands", async () => {
  expect(await usage("controller")).toBe(
    "error [usage] `kiln controller` needs a command.\nhint One of: start, stop, status, listen, run, unit.\n",
  );
});

test.each([["x"], ["-1"], ["1.5"], ["1001"], [""], ["1e3"]])("scale to %j is refused", async (count) => {
  expect(await usage("scale", "--", count)).toContain("Expected a whole number from 0 to 1000.");
});

test("other numbers are checked too", async () => {
  expect(await usage("rollback", "0")).toContain("Expected the number of a release");
  expect(await usage("logs", "--tail", "few")).toContain("Expected a whole number, or `all`.");
  expect(await usage("scale")).toContain("Missing required argument 'N'");
  expect(await usage("status", "a", "b")).toContain("Too many arguments for 'status'");
});

test("with --json the error is one JSON document on stdout", async () => {
  const { code, stdout, stderr } = await cli(["status", "--json", "--nonsense"]);
  expect([code, stderr]).toEqual([2, ""]);
  expect(JSON.parse(stdout)).toEqual({
    error: {
      code: "usage",
      message: "Unknown option '--nonsense'.",
      hint: "`kiln help status` explains it.",
      retry: false,
    },
  });
});

test("help and version are not errors", async () => {
  expect(await cli(["--version"])).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
  const help = await cli(["help", "scale"]);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain("Examples:\n  $ kiln scale 5\n");
  expect((await cli([])).stdout).toContain("Make and deploy:");
});
