import type { Context, Outcome } from "../../context.ts";
import { table } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";
import { localContext, readContexts, requireContext, writeContexts } from "../../remote/contexts.ts";

export async function list({ env, output, clock }: Context): Outcome {
  const { current, all } = readContexts(env);
  const chosen = env.KILN_CONTEXT || current || localContext;
  const { style } = output;
  const left = (expiresAtMs: number) => {
    const ms = expiresAtMs - clock.now();
    return ms > 0 ? `in ${formatAge(ms)}` : style.bad("expired");
  };
  const rows = [
    [localContext, "this machine", "", ""],
    ...all.map(({ name, address, identity, expiresAtMs }) => [name, address, identity, left(expiresAtMs)]),
  ].map(([name = "", ...rest]) => [name === chosen ? style.bold(`${name} *`) : name, ...rest]);
  const value = all.map(({ token: _token, authority: _authority, ...shown }) => shown);
  output.result(
    { current: chosen, contexts: value },
    table(["CONTEXT", "CONTROLLER", "AS", "EXPIRES"], rows),
  );
  return 0;
}

export async function use({ env, output }: Context, _options: object, name: string): Outcome {
  const contexts = readContexts(env);
  const isLocal = name === localContext;
  if (!isLocal) requireContext(contexts, name);
  writeContexts(env, { ...contexts, current: isLocal ? undefined : name });
  output.result({ current: name }, [
    isLocal ? "Commands use this machine's own controller." : `Commands use the controller of ${name}.`,
  ]);
  return 0;
}

/** Only here: the token lives on at the controller. */
export async function remove({ env, output }: Context, _options: object, name: string): Outcome {
  const contexts = readContexts(env);
  const { identity } = requireContext(contexts, name);
  writeContexts(env, {
    current: contexts.current === name ? undefined : contexts.current,
    all: contexts.all.filter((one) => one.name !== name),
  });
  output.result({ removed: name }, [
    `The context ${name} is forgotten here. \`kiln access revoke ${identity}\` at the controller ends its tokens.`,
  ]);
  return 0;
}
