import { chmod, copyFile, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { exec } from "../../src/lib/process/exec.ts";
import { freePort } from "../../src/lib/testing.ts";
import type { Installation } from "./harness.ts";

const httpd = "/bin/busybox httpd -f -p 8080 -h /www";
const answer500 = "printf 'HTTP/1.1 500 Oops\\r\\nContent-Length: 12\\r\\n\\r\\nout of order'";

/** Scripts for busybox's shell: ways for a server to behave. Process 1 ends at SIGTERM only where it says so. */
export const behaviours = {
  serves: `trap exit TERM; ${httpd} & wait`,
  "serves after a second": `trap exit TERM; /bin/busybox sleep 1; ${httpd} & wait`,
  "serves after five seconds": `trap exit TERM; /bin/busybox sleep 5 & wait; ${httpd} & wait`,
  "exits at once": "echo no configuration; echo giving up >&2; exit 7",
  "never answers": "trap exit TERM; echo thinking; /bin/busybox sleep 1000 & wait",
  "listens for itself alone": `trap exit TERM; ${httpd.replace("8080", "127.0.0.1:8080")} & wait`,
  "listens on another port": `trap exit TERM; ${httpd.replace("8080", "3000")} & wait`,
  "answers 500": `trap exit TERM; /bin/busybox nc -ll -p 8080 -e /bin/busybox sh -c "${answer500}" & wait`,
} as const;

/** How long until such a server has to be ready: a busy machine takes its time, and what never serves is to fail soon. */
const deadlines: Readonly<Record<Behaviour, string>> = {
  ...{ serves: "60s", "serves after a second": "60s", "serves after five seconds": "3s" },
  ...{ "exits at once": "3s", "never answers": "3s", "answers 500": "3s" },
  ...{ "listens for itself alone": "3s", "listens on another port": "3s" },
};

export type Behaviour = keyof typeof behaviours;

/** A service whose servers are one static program of 2 MB: built in a moment, without packages. */
export interface LittleService {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  /** Writes kiln.yaml again. */
  configure(options: Partial<ServiceOptions>): Promise<void>;
  /** What its servers answer with; another one makes another image. */
  setPage(words: string): Promise<void>;
  /** Asks the router; undefined when no server answers 200. */
  page(host?: string): Promise<string | undefined>;
}

interface ServiceOptions {
  readonly behaviour: Behaviour;
  readonly count: number;
  readonly port: number;
  readonly host: string | undefined;
  /** As YAML, in place of the program's own command. */
  readonly command: string;
  readonly bake: string;
  readonly keepWarm: string;
  /** Until a server has to be ready; otherwise what its behaviour needs. */
  readonly deadline: string;
  /** More of `image`, as YAML. */
  readonly image: string;
  /** More of `rollout`, as YAML. */
  readonly rollout: string;
  /** More of `traffic`, as YAML. */
  readonly traffic: string;
  /** More of `servers`, as YAML. */
  readonly servers: string;
  /** More keys, as YAML. */
  readonly more: string;
  /** More items of `files`, as YAML. */
  readonly files: readonly string[];
}

const programs = new Map<string, Promise<string>>();

/** Debian's static busybox, fetched once per installation and removed with it. */
function staticProgram({ home }: Installation): Promise<string> {
  const program = programs.get(home) ?? fetchProgram(join(home, "../program"));
  programs.set(home, program);
  return program;
}

async function fetchProgram(folder: string): Promise<string> {
  const path = join(folder, "busybox");
  await mkdir(folder);
  const download = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "busybox-static"] as const;
  await exec([...download], { cwd: folder });
  const [archive = ""] = await readdir(folder);
  await exec(["dpkg-deb", "-x", archive, "unpacked"], { cwd: folder });
  const { stdout } = await exec(["find", "unpacked", "-path", "*bin/busybox"], { cwd: folder });
  await rename(join(folder, stdout.trim()), path);
  return path;
}

/** Makes the project folder of a service. */
export async function littleService(
  kiln: Installation,
  name: string,
  options: Partial<ServiceOptions> = {},
): Promise<LittleService> {
  const port = options.port ?? (await freePort());
  const folder = await kiln.project({ "www/index.html": "one" });
  await copyFile(await staticProgram(kiln), join(folder, "busybox"));
  const configure = (more: Partial<ServiceOptions>) =>
    writeFile(join(folder, "kiln.yaml"), specText(name, { port, ...options, ...more }));
  await configure({});
  return {
    name,
    folder,
    port,
    configure,
    setPage: (words) => writeFile(join(folder, "www/index.html"), words),
    page: (host) => ask(port, host),
  };
}

/** Where servers answer by the script of `setAnswer`. */
export const answerPath = "/cgi-bin/answer";

/** What servers of the next release do for each request of `answerPath` before they answer; another one makes another image. */
export async function setAnswer({ folder }: LittleService, script: string): Promise<void> {
  const path = join(folder, "www", answerPath);
  await mkdir(dirname(path), { recursive: true });
  const lines = ["#!/bin/busybox sh", script, "echo 'Content-Type: text/plain'", "echo", "echo done"];
  await writeFile(path, `${lines.join("\n")}\n`);
  await chmod(path, 0o755);
}

function specText(name: string, options: Partial<ServiceOptions>): string {
  const {
    behaviour = "serves",
    count = 2,
    port = 0,
    host,
    image = "",
    rollout = "",
    traffic = "",
    bake = "50ms",
    deadline = deadlines[behaviour],
    keepWarm = "200ms",
    files = [],
    servers = "",
    more = "",
  } = options;
  const command = options.command ?? JSON.stringify(["/bin/busybox", "sh", "-c", behaviours[behaviour]]);
  return `
service: ${name}
image:
  from: scratch
  files:
    - { from: ./busybox, to: /bin/busybox, mode: "0755" }
    - { from: ./www, to: /www }
${files.map((file) => `    - ${file}\n`).join("")}
  command: ${command}
  ${image}
servers: { count: ${count}, port: 8080 ${servers} }
health: { http: /, interval: 50ms, timeout: 1s, ready: 1, unready: 2, deadline: ${deadline} }
traffic: { listen: ${port}${host === undefined ? "" : `, host: ${host}`} ${traffic} }
rollout: { bake: ${bake}, drain: 1s, keepWarm: ${keepWarm} ${rollout} }
${more}
`;
}

function ask(port: number, host = "localhost"): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = get(
      { host: "127.0.0.1", port, headers: { host }, agent: false, timeout: 5000 },
      async (answer) => {
        const body = await text(answer).catch(() => undefined);
        resolve(answer.statusCode === 200 ? body : undefined);
      },
    );
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
  });
}
