import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KilnError } from "../lib/errors.ts";
import { writeFileAtomic } from "../lib/files/files.ts";

/** What `required_providers` has as the source. No registry answers for names below `.internal`, which are for private use. */
const source = { host: "kiln.internal", address: "kiln.internal/kiln/kiln" };

/** The same on every machine and for every version of Kiln, so that a `.terraform.lock.hcl` that has its hash holds everywhere. */
const launcher = "#!/bin/sh\nexec kiln terraform-provider\n";

/** Node.js' names of processors, and Go's. */
const processors: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Writes the provider into a filesystem mirror (Terraform's documentation, "Provider Installation"), and returns its file's path. */
export async function writeMirror(folder: string, version: string): Promise<string> {
  const processor = processors[process.arch];
  if (processor === undefined)
    throw new KilnError("platform_unusable", `Kiln does not run on processors of the kind ${process.arch}.`);
  const path = join(
    ...[folder, source.address, version, `linux_${processor}`],
    `terraform-provider-kiln_v${version}`,
  );
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, launcher, { mode: 0o755 });
  return path;
}

/** What the configuration file of Terraform's command line needs for a mirror that is not at its usual place. */
export function mirrorBlock(folder: string): readonly string[] {
  const own = `["${source.host}/*/*"]`;
  return [
    "provider_installation {",
    "  filesystem_mirror {",
    `    path    = ${JSON.stringify(folder)}`,
    `    include = ${own}`,
    "  }",
    "  direct {",
    `    exclude = ${own}`,
    "  }",
    "}",
  ];
}

/** What a Terraform configuration says to use the provider. */
export function requirement(version: string): readonly string[] {
  return [
    "terraform {",
    "  required_providers {",
    `    kiln = { source = "${source.address}", version = "${version}" }`,
    "  }",
    "}",
  ];
}
