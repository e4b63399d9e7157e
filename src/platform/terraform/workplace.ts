import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { readPrivateFile } from "../../lib/files/private-file.ts";
import { systemPath } from "../../lib/process/environment.ts";
import type { Workplace } from "./run.ts";

/** As `kiln target add` takes them. */
export interface TerraformOptions {
  /** Absolute path of the module's folder. */
  readonly module: string;
  /** The system's user that Terraform runs as. */
  readonly user: string;
  /** Absolute path of a file with lines `NAME=value`, for Terraform's environment. */
  readonly environment?: string | undefined;
  /** Where images are pushed to and machines pull them from. */
  readonly registry?: string | undefined;
  /** How many minutes pass between two looks for changes by others. */
  readonly refresh: string;
}

/** In this order: the first that is installed. */
const programs = ["terraform", "tofu"];

/** `folder`: what Kiln keeps of the target. Throws `tool_missing` and `target_invalid`. */
export function openWorkplace(folder: string, options: TerraformOptions): Workplace {
  return {
    program: requireProgram(),
    ...workFolders(folder),
    user: userOf(options.user),
    env: options.environment === undefined ? {} : readEnvironment(options.environment),
  };
}

export function workFolders(folder: string): Pick<Workplace, "work" | "runs"> {
  return { work: join(folder, "terraform"), runs: join(folder, "runs") };
}

/** Throws `tool_missing`. */
export function requireProgram(): string {
  const places = programs.flatMap((name) => systemPath.split(":").map((folder) => join(folder, name)));
  const found = places.find(isProgram);
  if (found !== undefined) return found;
  throw new KilnError("tool_missing", "Neither terraform nor tofu is installed.", {
    permanent: true,
    hint: `Install Terraform or OpenTofu in one of ${systemPath.split(":").join(", ")}: Debian has no package of them.`,
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As /etc/passwd lists them. Throws `target_invalid`. */
export function userOf(name: string): Workplace["user"] {
  const users = readFileSync("/etc/passwd", "utf8").split("\n");
  const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  throw new KilnError(
    "target_invalid",
    `There is no user ${name} on this machine, as which Terraform is to run.`,
    {
      permanent: true,
      hint: `Run \`useradd --system ${name}\`, or add the target with another user.`,
    },
  );
}

/** These would make programs that run as root, before Terraform does, do something else, or lead to another state. */
const refused = /^(LD_|TF_CLI_ARGS|TF_DATA_DIR$|TF_WORKSPACE$|PATH$|HOME$|BASH_ENV$|ENV$)/;

/** Lines `NAME=value`; empty ones and those that begin with # count for nothing. Throws `target_invalid`. */
export function readEnvironment(path: string): Readonly<Record<string, string>> {
  const content = readPrivateFile(path, {
    code: "target_invalid",
    missing: "Terraform gets no credentials",
    restore: "Make it again, or add the target without it.",
    exposed: "Then replace the credentials in it.",
  });
  return parseEnvironment(content.toString(), path);
}

/** Throws `target_invalid`, with the line. */
export function parseEnvironment(text: string, path: string): Readonly<Record<string, string>> {
  const lines = text.split("\n").map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const pairs = lines
    .filter(({ line }) => line !== "" && !line.startsWith("#"))
    .map(({ line, number }) => {
      const [, name = "", value = ""] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
      if (name !== "" && !refused.test(name)) return [name, value] as const;
      const what =
        name === "" ? "is not NAME=value" : `sets ${name}, which Kiln sets itself or which is not safe`;
      throw new KilnError("target_invalid", `${path}:${number} ${what}.`, {
        hint: "Correct or remove that line.",
        permanent: true,
      });
    });
  return Object.fromEntries(pairs);
}
