import { join } from "node:path";
import { type FolderView, readIn, viewFolder } from "./folder.ts";
import type { ProjectRecipe } from "./recipe.ts";

/** A Go program: a go.mod, and a main package here or in `cmd/`. */
export async function recogniseGo(folder: FolderView, service: string): Promise<ProjectRecipe | undefined> {
  if (!folder.files.has("go.mod")) return undefined;
  const main = await mainPackage(folder);
  if (main === undefined) return undefined;
  const binary = `bin/${service}`;
  return staticBinary(service, binary, "Go", `CGO_ENABLED=0 go build -o ${binary} ${main}`);
}

/** The argument for `go build`; the first package if `cmd/` has several. */
async function mainPackage(folder: FolderView): Promise<string | undefined> {
  for (const name of folder.files) {
    if (!name.endsWith(".go") || name.endsWith("_test.go")) continue;
    if (/^package main\b/m.test((await readIn(folder, name)) ?? "")) return ".";
  }
  if (!folder.folders.has("cmd")) return undefined;
  const commands = await viewFolder(join(folder.path, "cmd")).catch(() => undefined);
  const [first] = [...(commands?.folders ?? [])].filter((name) => /^[\w-]+$/.test(name));
  return first === undefined ? undefined : `./cmd/${first}`;
}

/** A Rust program: a Cargo.toml of a package with a main file. */
export async function recogniseRust(folder: FolderView, service: string): Promise<ProjectRecipe | undefined> {
  if (!folder.files.has("Cargo.toml") || !folder.folders.has("src")) return undefined;
  const sources = await viewFolder(join(folder.path, "src")).catch(() => undefined);
  const name = packageName((await readIn(folder, "Cargo.toml")) ?? "");
  if (name === undefined || !sources?.files.has("main.rs")) return undefined;
  const target = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-musl`;
  const build = `rustup target add ${target} && cargo build --release --target ${target}`;
  return staticBinary(service, `target/${target}/release/${name}`, "Rust", build);
}

/** `name` in the `[package]` of a Cargo.toml. */
function packageName(manifest: string): string | undefined {
  const [, section = ""] = /^\[package\][^\n]*\n([^[]*)/m.exec(manifest) ?? [];
  return /^name\s*=\s*"([\w-]+)"/m.exec(section)?.[1];
}

/** A program that needs no other files. */
function staticBinary(service: string, binary: string, language: string, build: string): ProjectRecipe {
  return {
    about: `Only a statically linked ${language} program.`,
    todo: `Build it first: \`${build}\`.`,
    notes: (suite) => [
      `Built by: ${build}`,
      "The image contains nothing else. A program that calls other servers by HTTPS, or needs time zones, uses instead:",
      `  from: debian:${suite}`,
      "  packages: [ca-certificates, tzdata]",
    ],
    from: "scratch",
    packages: [],
    packageNotes: [],
    files: [{ from: `./${binary}`, to: `/${service}` }],
    user: "65534",
    command: [`/${service}`],
    port: 8080,
    env: { PORT: "8080" },
    memory: "128MiB",
    writable: ["/tmp"],
    http: undefined,
    extra: [],
  };
}
