import { get } from "node:http";
import type { Release } from "../../domain/rollout/release.ts";
import { serverProcesses } from "../linux/server-processes.ts";

/** A script that runs until it is stopped and writes `hello`. */
export const hello = "trap 'exit 0' TERM; echo hello; while :; do sleep 1; done";
export const lastWords = "echo last words; exit 3";

export const jobs = {
  fine: "echo begun",
  failing: "echo begun; exit 3",
  endless: "trap 'exit 4' TERM; echo begun; while :; do sleep 1; done",
} as const;

/** A release whose servers answer on port 8080, if they answer. */
export function webRelease(base: Release, number: number, listen: number, script: string): Release {
  return {
    ...base,
    number,
    health: {
      check: { kind: "http", path: "/" },
      intervalMs: 200,
      timeoutMs: 1000,
      ready: 2,
      unready: 3,
      deadlineMs: script === hello ? 1500 : 30_000,
    },
    traffic: { mode: "http", listen, host: undefined },
  };
}

/** Answers every request with its release, one at a time. */
export function webServer(number: number): string {
  const perl = `
    use IO::Socket::INET; $| = 1; $SIG{PIPE} = "IGNORE"; $SIG{TERM} = sub { exit 0 };
    my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 100, ReuseAddr => 1) or die $!;
    print "hello\\n";
    while (1) {
      my $client = $listener->accept or next;
      my $request = "";
      while (index($request, "\\r\\n\\r\\n") < 0) { sysread($client, $request, 4096, length $request) or last }
      print $client "HTTP/1.1 200 OK\\r\\nContent-Length: ${String(number).length}\\r\\nConnection: close\\r\\n\\r\\n${number}";
      close $client;
    }`;
  return `exec perl -e '${perl}'`;
}

/** The release that answers at this port, of this machine by default; undefined: none does. */
export function ask(port: number, host = "localhost"): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = get({ host, port, agent: false, timeout: 5000 }, async (response) => {
      const body = await response.setEncoding("utf8").toArray();
      resolve(response.statusCode === 200 ? Number(body.join("")) : undefined);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
  });
}

/** The first process of a server whose cgroup has `within` in its path. */
export function processOf(server: string, within: string): number {
  const [first] = serverProcesses(within, (id) => id === server);
  if (first === undefined) throw new Error(`No process of ${server} runs.`);
  return first;
}
