import { relative } from "node:path";
import type { ImageSpec } from "../../domain/spec/image-spec.ts";
import type { LockedBase, MadeImage } from "../../image/build-options.ts";
import type { LockedPackage } from "../../image/lock-file.ts";
import { version } from "../../lib/version.ts";

/** The parameters are explained in docs/trust.md. */
const buildType = "urn:kiln:build:1";

/** Says who is trusted to say the rest: the user of this machine, until CI signs it. */
const builder = "urn:kiln:builder:local";

/**
 * How an image was built, as a SLSA provenance predicate of version 1 (slsa.dev, spec/v1.0/provenance). It states what the build used, not
 * what is there now.
 */
export function provenanceOf(made: MadeImage): object {
  const { spec, packages, bases, checkout, inputs, projectFolder } = made;
  return {
    buildDefinition: {
      buildType,
      externalParameters: {
        service: spec.service,
        ...(spec.environment === undefined ? {} : { environment: spec.environment }),
        image: parametersOf(spec.image, projectFolder),
      },
      internalParameters: {
        ...{ kiln: version, node: process.versions.node, architecture: process.arch },
        inputs: { sha256: inputs },
        ...(packages === undefined ? {} : { lock: { sha256: packages.inputDigest } }),
      },
      resolvedDependencies: [
        ...sourceOf(checkout),
        ...bases.map(baseDependency),
        ...(packages?.packages ?? []).map(packageDependency),
      ],
    },
    runDetails: {
      builder: { id: builder, version: { kiln: version } },
      metadata: { startedOn: timeOf(made.startedAtMs), finishedOn: timeOf(made.finishedAtMs) },
    },
  };
}

/** The image's part of kiln.yaml, with paths relative to the project. Lines of package sources may hold passwords, and stay out. */
function parametersOf({ sources: _, from, files, ...image }: ImageSpec, folder: string): object {
  const inProject = (path: string) => relative(folder, path) || ".";
  const base = "path" in from ? { ...from, path: inProject(from.path) } : from;
  return { ...image, from: base, files: files.map((file) => ({ ...file, from: inProject(file.from) })) };
}

/** The commit of the project. Whether files differed from it is said next to it; the digest over the inputs covers them. */
function sourceOf(checkout: MadeImage["checkout"]): readonly object[] {
  if (checkout === undefined) return [];
  const { commit, dirty } = checkout;
  return [{ name: "project", digest: { gitCommit: commit }, annotations: { dirty } }];
}

function baseDependency({ name, digest }: LockedBase): object {
  return { name: `base ${name}`, digest: { sha256: digest.replace("sha256:", "") } };
}

function packageDependency({ name, version: own, architecture, sha256 }: LockedPackage): object {
  const at = encodeURIComponent(own).replaceAll("%3A", ":");
  return { uri: `pkg:deb/debian/${encodeURIComponent(name)}@${at}?arch=${architecture}`, digest: { sha256 } };
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
