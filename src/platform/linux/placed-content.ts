import assert from "node:assert";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Release, ReleaseSecret } from "../../domain/rollout/release.ts";
import { secretsFolder } from "../../domain/spec/server-shape.ts";
import type { HostImage } from "../contract/images.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import { freeMemory, mountMemory } from "./mounts.ts";
import { placeInRoot } from "./paths-in-root.ts";
import type { MountPoint } from "./skeleton.ts";

/** The content that a server has besides its image: opened before anything of the server is made. */
export interface PlacedContent {
  readonly secrets: readonly { readonly secret: ReleaseSecret; readonly value: Uint8Array }[];
  readonly files: readonly { readonly to: string; readonly mode: number; readonly bytes: Uint8Array }[];
}

/** Folders of the host, the server's own, that it is put into. */
export interface ContentPaths {
  /** Becomes memory, which only root reaches. */
  readonly secrets: string;
  /** Configuration files. */
  readonly files: string;
}

/** A path of the host that shows in the server, read-only. */
export interface Bind {
  readonly source: string;
  readonly destination: string;
}

/** Throws what the sources throw. */
export async function openContent(
  { secrets, configs }: { readonly secrets: SecretSource; readonly configs: ConfigSource },
  release: Release,
): Promise<PlacedContent> {
  const values = await secrets.open(release.service, release.secrets);
  return {
    secrets: release.secrets.map((secret) => {
      const value = values.get(secret.name);
      assert(value, "a source of secrets gives all of them or throws");
      return { secret, value };
    }),
    files: await Promise.all(
      release.files.map(async ({ to, mode, digest }) => ({ to, mode, bytes: await configs.open(digest) })),
    ),
  };
}

/** Where secrets and configuration files show in a server's root file system. */
export function placedPoints({ secrets, files }: Pick<Release, "secrets" | "files">): readonly MountPoint[] {
  const paths = secrets.flatMap(({ delivery }) => (delivery.kind === "file" ? [delivery.path] : []));
  const apart = [...paths.filter((path) => !isInFolder(path)), ...files.map(({ to }) => to)];
  return [
    ...(paths.some(isInFolder) ? [{ path: secretsFolder, type: "folder" as const }] : []),
    ...apart.map((path) => ({ path, type: "file" as const })),
  ];
}

function isInFolder(path: string): boolean {
  return path.startsWith(`${secretsFolder}/`);
}

/** Secrets as environment variables, in the release's order. */
export function secretVariables({ secrets }: PlacedContent): readonly (readonly [string, string])[] {
  return secrets.flatMap(({ secret, value }) =>
    secret.delivery.kind === "env"
      ? [[secret.delivery.variable, Buffer.from(value).toString()] as const]
      : [],
  );
}

/**
 * Puts secrets into memory of their own and configuration files next to the bundle, all of it belonging to the image's
 * user, and says what has to be bound where.
 */
export async function placeContent(
  server: ContentPaths,
  { uid, gid }: Pick<HostImage, "uid" | "gid">,
  content: PlacedContent,
): Promise<readonly Bind[]> {
  if (content.secrets.length > 0) await mountSecrets(server, content);
  const own = (path: string, mode: number) => {
    chownSync(path, uid, gid);
    chmodSync(path, mode); // whatever the umask is; after chown, which takes some bits away
  };
  const placed = [...secretFiles(server, content), ...configFiles(server, content)];
  for (const { source, bytes, mode } of placed) {
    for (const folder of makeFolders(dirname(source))) own(folder, 0o500);
    writeFileSync(source, bytes, { mode: 0o600 });
    own(source, mode);
  }
  const whole = placed.some(({ destination }) => isInFolder(destination))
    ? [{ source: join(server.secrets, "folder"), destination: secretsFolder }]
    : [];
  const apart = placed.filter(({ destination }) => !isInFolder(destination));
  return [...whole, ...apart.map(({ source, destination }) => ({ source, destination }))];
}

interface Placed extends Bind {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

function secretFiles(server: ContentPaths, { secrets }: PlacedContent): readonly Placed[] {
  return secrets.flatMap(({ secret: { delivery }, value }, index): readonly Placed[] => {
    if (delivery.kind === "env") return [];
    const name = isInFolder(delivery.path)
      ? `folder/${delivery.path.slice(secretsFolder.length + 1)}`
      : `apart/${index}`;
    const source = placeInRoot(server.secrets, `/${name}`);
    return [{ source, destination: delivery.path, bytes: value, mode: 0o400 }];
  });
}

function configFiles(server: ContentPaths, { files }: PlacedContent): readonly Placed[] {
  return files.map(({ to, mode, bytes }, index) => {
    return { source: join(server.files, String(index)), destination: to, bytes, mode };
  });
}

/** The folders that were not there, the outermost first. */
function makeFolders(path: string): readonly string[] {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return [];
  const made = [path];
  while (made[0] !== first) made.unshift(dirname(made[0] ?? first));
  return made;
}

const pageBytes = 4096;
/** Folders and their names, and the configuration: JSON takes at most six bytes for one, besides some tens of KiB. */
const spareBytes = 256 * 1024;
const bytesInJson = 6;
/** Secrets, their folders, the configuration and sessions: far more than any release has. */
const secretInodes = 16_384;

async function mountSecrets(server: ContentPaths, { secrets }: PlacedContent): Promise<void> {
  const files = secrets.map(({ value }) => Math.ceil(value.length / pageBytes) * pageBytes);
  const variables = secrets.map(({ value, secret: { delivery } }) =>
    delivery.kind === "env" ? value.length * bytesInJson : 0,
  );
  const bytes = [...files, ...variables].reduce((sum, size) => sum + size, spareBytes);
  await mountMemory(server.secrets, { bytes, inodes: secretInodes });
}

/** Frees what `placeContent` has mounted. May be repeated. */
export async function freeSecrets(server: ContentPaths): Promise<void> {
  await freeMemory(server.secrets);
}
