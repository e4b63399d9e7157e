import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";

/** An environment variable holds no more than 128 KiB (execve(2)), a file in memory should not. */
const mostBytes = 64 * 1024;

/** The operations on secrets. They change no server: the next deploy takes the newest versions. */
export function createSecretCommands(
  store: Store,
): Pick<Operations, "secrets" | "setSecret" | "removeSecret"> {
  return {
    secrets: async ({ service }) => store.secrets.list(service),
    setSecret: async (asked, who) => {
      const { service, name, value } = asked;
      return store.secrets.set(service, name, decode(service, name, value), askerOf(asked, who));
    },
    removeSecret: async (asked, who) => store.secrets.remove(asked.service, asked.name, askerOf(asked, who)),
  };
}

function decode(service: string, name: string, base64: string): Buffer {
  const value = Buffer.from(base64, "base64");
  if (value.length > 0 && value.length <= mostBytes) return value;
  const found = value.length === 0 ? "is empty" : `has ${value.length} bytes`;
  throw new KilnError("secret_invalid", `The value of ${name} of ${service} ${found}.`, {
    hint: `Expected 1 to ${mostBytes} bytes, from standard input.`,
  });
}
