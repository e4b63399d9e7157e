export interface ImageSpec {
  /** A label that, once given, never points elsewhere. Absent: from git, otherwise a counter. */
  readonly version: string | undefined;
  readonly from: ImageBase;
  /** Arguments of the Dockerfile, or variables of the Packer template, in place of their defaults. Absent: none. */
  readonly args?: Readonly<Record<string, string>>;
  /** What the steps of a Dockerfile, or a Packer template, reach while they run. Absent: nothing. */
  readonly network?: "internet";
  /** Debian package names, optionally `name=version`. */
  readonly packages: readonly string[];
  /** Package sources in place of the machine's: lines in the one-line format of sources.list(5). */
  readonly sources: readonly string[];
  /** How packages are installed: with all that their maintainer scripts do. Absent: slim, without running any. */
  readonly engine?: "full";
  /** Packages whose maintainer scripts the user has declared unneeded. */
  readonly skipScripts: readonly string[];
  readonly files: readonly FileSpec[];
  /** Patterns of what is left out of `files`, after the patterns of `.dockerignore` and in its syntax. */
  readonly exclude: readonly string[];
  /** Users that the image gets, besides those that its base and packages bring. */
  readonly users: readonly UserSpec[];
  readonly folders: readonly FolderSpec[];
  readonly links: readonly LinkSpec[];
  /** Environment variables, over the base's. */
  readonly env: Readonly<Record<string, string>>;
  /** Labels of the image's configuration, over the base's. */
  readonly labels: Readonly<Record<string, string>>;
  /** Name, uid, `name:group` or `uid:gid`, as in the OCI image configuration. Absent: the base's, or an unprivileged number. */
  readonly user: string | undefined;
  /** argv. Absent: that of the base image. */
  readonly command: readonly string[] | undefined;
}

export type ImageBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "debian"; readonly suite: string }
  /** An OCI image layout: a folder or a tar archive. `path` is absolute; `ref` picks one of several images. */
  | { readonly kind: "oci"; readonly path: string; readonly ref: string | undefined }
  /** What a Dockerfile builds, or one of its stages. `path` is absolute. */
  | { readonly kind: "dockerfile"; readonly path: string; readonly stage: string | undefined }
  /** What a Packer template (a file or a folder) builds, or one of its builds. `path` is absolute. */
  | { readonly kind: "packer"; readonly path: string; readonly build: string | undefined }
  /** An image in a registry, as a person names it, with a tag or a digest. */
  | { readonly kind: "registry"; readonly reference: string }
  /** Where a channel of this installation is. */
  | { readonly kind: "channel"; readonly service: string; readonly name: string };

/** A line of passwd(5), and what groups it needs. */
export interface UserSpec {
  readonly name: string;
  /** Absent: the lowest from 1000 on that the image has not. */
  readonly uid: number | undefined;
  /** Name of its group, which is made where the image has none of that name. Absent: the user's own name. */
  readonly group: string | undefined;
  /** Names of further groups, which the image has. */
  readonly groups: readonly string[];
  /** Absolute path, made and owned by the user. Absent: none. */
  readonly home: string | undefined;
  readonly shell: string | undefined;
}

export interface FolderSpec {
  /** Absolute path in the image. */
  readonly path: string;
  readonly mode: number;
  /** As in `FileSpec`. */
  readonly owner: string | undefined;
}

export interface LinkSpec {
  /** Absolute path in the image. */
  readonly path: string;
  /** What it points to, absolute or relative to its folder; need not be there. */
  readonly target: string;
}

export interface FileSpec {
  /** Absolute path of a file or folder inside the project. */
  readonly from: string;
  /** Absolute path in the image. */
  readonly to: string;
  /** Permission bits for files; folders get the execute bits that match. Absent: 0644, or 0755 where the source is executable. */
  readonly mode: number | undefined;
  /** Name or uid, optionally `:group`. Absent: root. */
  readonly owner: string | undefined;
}
