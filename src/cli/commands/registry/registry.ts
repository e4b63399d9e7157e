import { isThisMachine, parseReference, type Reference } from "../../../image/registry/reference.ts";
import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import type { Context, Outcome } from "../../context.ts";
import { readValue } from "../../input/read-value.ts";
import { plainText, table } from "../../output/text.ts";

interface LoginOptions {
  readonly username: string;
}

/** `kiln registry login HOST`: the password comes from standard input, and is stored once the registry has taken it. */
export async function login(context: Context, { username }: LoginOptions, text: string): Outcome {
  const { env, clock, signal, output } = context;
  const registry = registryAt(text);
  const { host } = registry;
  requireHeader(username, "The user");
  if (username.includes(":")) throw badPart("The user", "has a colon, which ends the user's name in HTTP");
  const prompt = (line: string) => output.prompt(line);
  const what = `the password of ${username} at ${host}`;
  const password = (await readValue(context.stdin(), { keepNewline: false, prompt, what })).toString();
  if (password === "") throw badPart("The password", "is empty");
  requireHeader(password, "The password");
  const [{ tryLogin }, { storeLogin }] = await Promise.all([
    import("../../../image/registry/try-login.ts"),
    import("../../../image/registry/stored-logins.ts"),
  ]);
  const credentials = { kind: "password", user: username, password } as const;
  const isChecked = await tryLogin(registry, credentials, { env, clock, signal });
  const stored = await storeLogin(env, host, credentials);
  const isFile = stored.place.startsWith("/");
  output.result({ ...stored, checked: isChecked }, [
    isChecked
      ? `${host} knows ${username}.`
      : `${host} lets everyone in, at least to read: it has not checked the password.`,
    isFile
      ? `The password is in ${stored.place}, not encrypted; only you can read the file. A credential helper (\`credsStore\`) would keep it apart.`
      : `${stored.place} has the password.`,
  ]);
  return 0;
}

/** `kiln registry logout HOST`. */
export async function logout({ env, output }: Context, _options: object, text: string): Outcome {
  const { host } = registryAt(text);
  const { eraseLogin, listLogins } = await import("../../../image/registry/stored-logins.ts");
  const places = await eraseLogin(env, host);
  if (places.length === 0) {
    const hosts = (await listLogins(env)).logins.map((one) => one.host);
    const near = nearest(host, hosts);
    throw new KilnError("usage", `No credentials for ${host} are stored.`, {
      hint: near === undefined ? "`kiln registry ls` lists what is." : `Did you mean ${near}?`,
    });
  }
  output.result({ host, places }, [`Removed the credentials for ${host} from ${places.join(" and ")}.`]);
  return 0;
}

/** `kiln registry ls`: exits with 1 where a credential helper is missing from the list. */
export async function list({ env, output }: Context): Outcome {
  const { listLogins } = await import("../../../image/registry/stored-logins.ts");
  const { logins: all, faults } = await listLogins(env);
  const rows = all.map(({ host, user = "(token)", place }) => [plainText(host), plainText(user), place]);
  const none = ["No credentials. `kiln registry login HOST --username NAME` stores some."];
  output.result(all, all.length === 0 ? none : table(["REGISTRY", "USER", "STORED IN"], rows));
  for (const fault of faults) output.error(fault);
  return faults.length === 0 ? 0 : 1;
}

/** Throws `usage` for anything but a host. */
function registryAt(text: string): Reference {
  const found = parseReference(`${text}/x`);
  if (found !== undefined && !text.replace(/^http:\/\//, "").includes("/")) return found;
  const isPlain = text.startsWith("http://") && !isThisMachine(text.slice("http://".length));
  throw new KilnError("usage", `${JSON.stringify(text)} is not a registry; expected its host.`, {
    hint: isPlain
      ? "A password is sent over HTTPS only, except to this machine: leave out `http://`."
      : "Write the host alone, with its port if it has one: registry.example, registry.example:5000, or http://127.0.0.1:5000.",
  });
}

/** What a header in HTTP can carry. */
function requireHeader(value: string, what: string): void {
  if (/\p{Cc}/u.test(value)) throw badPart(what, "has a control character, such as a line break");
}

function badPart(what: string, why: string): KilnError {
  return new KilnError("usage", `${what} ${why}.`, {
    hint: "The user is given with --username, the password as one line of standard input: kiln registry login HOST --username NAME < FILE",
  });
}
