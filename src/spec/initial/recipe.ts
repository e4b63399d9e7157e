/** The kind of a folder: everything that differs between the specs that `kiln init` writes. */
export interface ProjectRecipe {
  /** What kind of project it is: one sentence for the head of the file. */
  readonly about: string;
  /** What the user must do before a deploy: one sentence for the terminal. Absent: nothing. */
  readonly todo?: string;
  /** Comment lines below the head, for the Debian suite that the file would name. */
  readonly notes: (suite: string) => readonly string[];
  /** `debian`: the suite of this machine. */
  readonly from: "debian" | "scratch";
  /** Only of a Debian base. */
  readonly packages: readonly string[];
  /** Comment lines above `packages`. */
  readonly packageNotes: readonly string[];
  readonly files: readonly { readonly from: string; readonly to: string }[];
  readonly user: string;
  readonly command: readonly string[];
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly memory: string;
  readonly writable: readonly string[];
  /** Path for the HTTP check; undefined: a TCP check, because the paths of the service are unknown. */
  readonly http: string | undefined;
  /** Files to write next to kiln.yaml. */
  readonly extra: readonly { readonly path: string; readonly text: string }[];
}
