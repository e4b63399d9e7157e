import { createCipheriv } from "node:crypto";

/** A project folder by relative path. Every case builds one of these. */
export type ProjectFiles = Readonly<Record<string, string>>;

export interface ProjectOptions {
  readonly count?: number;
  readonly port?: number;
  /** Where the environment `second`, a service of its own with one server, takes its traffic. */
  readonly secondPort?: number;
  /** Lines of YAML below `rollout:`. */
  readonly rollout?: readonly string[];
}

/** The service's name in every project here. */
export const service = "bench";

/** nginx and a small site. Every answer says which server gave it. */
export function siteProject({
  count = 1,
  port = 18_080,
  secondPort = 18_081,
  rollout = [],
}: ProjectOptions = {}): ProjectFiles {
  return {
    "kiln.yaml": lines(
      `service: ${service}`,
      "image:",
      "  from: debian:bookworm",
      "  packages: [nginx]",
      "  files:",
      "    - { from: ./site, to: /srv/www }",
      "    - { from: ./nginx.conf, to: /etc/nginx/nginx.conf }",
      "  user: www-data",
      "  command: [nginx, -e, stderr]",
      `servers: { count: ${count}, port: 8080, writable: [/tmp] }`,
      "health: { http: / }",
      `traffic: { listen: ${port} }`,
      ...(rollout.length === 0 ? [] : ["rollout:", ...rollout.map((line) => `  ${line}`)]),
      "environments:",
      `  second: { servers: { count: 1 }, traffic: { listen: ${secondPort} } }`,
    ),
    "nginx.conf": nginxConf,
    "site/index.html": page("first"),
  };
}

/** About 150 MB: Node.js and Python from Debian, and a project folder of usual size. */
export function largeImageProject(): ProjectFiles {
  const sources = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`app/source-${i}.js`, `// ${i}\n${"export {};\n".repeat(300)}`]),
  );
  return {
    "kiln.yaml": lines(
      `service: ${service}`,
      "image:",
      "  from: debian:bookworm",
      "  packages: [nodejs, python3]",
      "  files:",
      "    - { from: ./app, to: /srv/app }",
      "  command: [node, /srv/app/source-0.js]",
      "servers: { count: 1 }",
    ),
    ...sources,
  };
}

/** An image of nothing but a folder of 150 MB: 150 files of a megabyte that don't compress well. */
export function largeFolderProject(): ProjectFiles {
  const files = Object.fromEntries(
    Array.from({ length: 150 }, (_, i) => [`data/part-${i}.bin`, noise(i, 1_000_000)]),
  );
  return {
    "kiln.yaml": lines(
      `service: ${service}`,
      "image:",
      "  from: scratch",
      "  files:",
      "    - { from: ./data, to: /data, mode: '0755' }",
      "  command: [/data/part-0.bin]",
      "servers: { count: 1 }",
    ),
    ...files,
  };
}

export function page(edition: string): string {
  return `<!doctype html><title>${edition}</title><p>The ${edition} edition.\n`;
}

/** Letters that look random and are the same every time. */
function noise(seed: number, length: number): string {
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(length)).toString("base64").slice(0, length);
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}

const nginxConf = `daemon off;
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path /tmp/client-body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen 8080;
    root /srv/www;
    default_type text/html;
    add_header X-Server $hostname;
  }
}
`;
