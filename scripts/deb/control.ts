import { type SystemPackage, systemPackages } from "../../src/lib/system-packages.ts";

/** What Debian calls the processors that Kiln runs on (`process.arch`). */
export const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The libraries that the Node.js of nodejs.org is linked with; its BUILDING.md names the glibc. */
const ofNode = ["libc6 (>= 2.28)", "libgcc-s1", "libstdc++6"];

/** deb-control(5). `installedKiB` is the estimate of deb-substvars(5). */
export function controlFile(of: {
  readonly version: string;
  readonly architecture: string;
  readonly installedKiB: number;
  readonly description: string;
}): string {
  const packages = systemPackages();
  const [summary, ...more] = of.description.split(": ");
  return `Package: kiln
Version: ${of.version}
Architecture: ${of.architecture}
Maintainer: The authors of Kiln <kiln@localhost>
Installed-Size: ${of.installedKiB}
Section: admin
Priority: optional
Depends: ${[...ofNode, ...names(packages, "servers", "images")].join(", ")}
Recommends: ${names(packages, "better").join(", ")}
Suggests: ${names(packages, "machines").join(", ")}
Description: ${summary}
 ${more.join(": ")}
`;
}

function names(packages: readonly SystemPackage[], ...when: readonly SystemPackage["when"][]): string[] {
  return packages.filter((entry) => when.includes(entry.when)).map(({ name }) => name);
}

/**
 * The version of what a commit holds (deb-version(7)). Between two releases it sorts before the next one, whose number package.json has
 * already, and by time.
 */
export function debianVersion(of: {
  readonly version: string;
  readonly commit: string;
  readonly committedAt: Date;
  readonly isReleased: boolean;
  readonly isChanged: boolean;
}): string {
  if (of.isReleased && !of.isChanged) return of.version;
  const time = of.committedAt.toISOString().replace(/\..*|[-:T]/g, "");
  return `${of.version}~${time}.${of.commit.slice(0, 8)}${of.isChanged ? "+changed" : ""}`;
}
