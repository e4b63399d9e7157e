import { expect, test } from "vitest";
import { runDeploy } from "./deploy-process.ts";

const never = new AbortController().signal;

/** A command of the CLI, as far as the controller sees it. */
function says(script: string, signal = never) {
  return runDeploy({ argv: ["sh", "-c", script], env: { PATH: "/usr/bin:/bin" }, cwd: "/", signal });
}

test("a rollout that has begun, or a release that serves already, is what it led to", async () => {
  expect(await says(`echo '{"id": 7, "to": 3, "phase": "forward"}'`)).toEqual({ release: 3, rollout: 7 });
  expect(await says(`echo '{"service": "shop", "release": 3}'`)).toEqual({ release: 3, rollout: undefined });
});

test("an error is the command's own, with places and remedies", async () => {
  const error = {
    ...{ code: "spec_invalid", message: "kiln.yaml is invalid.", hint: "Mend it.", retry: false },
    problems: [{ place: { file: "/x/kiln.yaml", line: 2, column: 3 }, message: "no", hint: "yes" }],
  };
  const json = JSON.stringify({ error });
  await expect(says(`echo a note >&2; echo '${json}' >&2; exit 2`)).rejects.toMatchObject(error);
  await expect(says("echo out of luck >&2; exit 9")).rejects.toMatchObject({
    code: "command_failed",
    message: "The deploy exited with 9: out of luck",
  });
});

test("when the controller ends, all that it has started ends", async () => {
  const stop = new AbortController();
  const deploy = says("sleep 600 & echo $! >&2; wait", stop.signal);
  stop.abort();
  await expect(deploy).rejects.toMatchObject({ code: "cancelled", retry: true });
});
