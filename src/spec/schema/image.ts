import { z } from "zod";
import { baseHint, basePattern, parseBase } from "../../image/sources/sources.ts";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";
import { environmentVariables } from "./environment.ts";

const file = z
  .strictObject(
    {
      from: z
        .string({ error: "the path of a file or folder, relative to kiln.yaml" })
        .min(1, { error: "the path of a file or folder, relative to kiln.yaml" })
        .describe("File or folder inside the project, relative to the folder of kiln.yaml."),
      to: leaf
        .targetPath()
        .describe("Absolute target path in the image; the content of a folder goes below it."),
      mode: leaf
        .mode()
        .optional()
        .describe("Permission bits, octal and in quotes; default: 0644, or 0755 for an executable source."),
      owner: leaf
        .user("a user name or number, optionally with a group, such as www-data or 33:33")
        .optional()
        .describe("User name or number, optionally with `:group`; default: root."),
    },
    { error: "a mapping with from and to" },
  )
  .describe("One file or folder of the project.");

const accountName = (what: string) =>
  leaf.text({
    expected: `the name of a ${what}, of letters, digits, dots, hyphens and underscores, such as app`,
    pattern: v.accountPattern,
    examples: ["app"],
  });

const user = z
  .strictObject(
    {
      name: accountName("user").describe("Name of the user; must not exist in the image."),
      uid: leaf
        .whole(1, 2 ** 32 - 2, "a number")
        .optional()
        .describe("User ID; default: the lowest free one from 1000."),
      group: accountName("group")
        .optional()
        .describe("Group of the user, created if missing; default: the user's name."),
      groups: leaf
        .list(accountName("group"), "groups")
        .prefault([])
        .describe("Further groups of the user; must exist in the image."),
      home: leaf
        .containerPath("an absolute path in the image, such as /home/app")
        .optional()
        .describe("Home folder, created if missing; default: /nonexistent, which is not created."),
      shell: leaf
        .containerPath("an absolute path in the image, such as /bin/sh")
        .optional()
        .describe("Login shell; default: /usr/sbin/nologin."),
    },
    { error: "a mapping with a name" },
  )
  .describe("One user.");

const folder = z
  .strictObject(
    {
      path: leaf.containerPath().describe("Absolute path of the folder in the image."),
      mode: leaf.mode().optional().describe("Permission bits, octal and in quotes; default: 0755."),
      owner: leaf
        .user("a user name or number, optionally with a group, such as www-data or 33:33")
        .optional()
        .describe("User name or number, optionally with `:group`; default: root."),
    },
    { error: "a mapping with a path" },
  )
  .describe("One folder.");

const link = z
  .strictObject(
    {
      path: leaf.containerPath().describe("Absolute path of the symbolic link in the image."),
      target: leaf
        .text({
          expected: "the path that the link points to, such as ../lib/tool",
          pattern: /^[^\0]{1,4095}$/,
        })
        .describe("Target of the link, absolute or relative to the link's folder; need not exist."),
    },
    { error: "a mapping with path and target" },
  )
  .describe("One symbolic link.");

/** The section `image` of kiln.yaml. */
export const image = z
  .strictObject(
    {
      version: leaf
        .text({
          expected:
            "a version of letters, digits, dots, hyphens and underscores, such as 1.4.0 (at most 128 characters)",
          pattern: v.versionPattern,
          examples: ["1.4.0"],
        })
        .optional()
        .describe(
          "Version of the image; a version never names another image later. Default: from git, else a counter.",
        ),
      from: leaf
        .text({
          expected:
            "scratch, debian:SUITE (such as debian:bookworm), oci:PATH, dockerfile:PATH, packer:PATH or HOST/NAME:TAG in a registry",
          pattern: basePattern,
          examples: [
            "debian:bookworm",
            "scratch",
            "oci:./base",
            "dockerfile:./Dockerfile",
            "packer:./web.pkr.hcl",
            "registry.example/nginx:1.27",
          ],
          parse: parseBase,
          hint: baseHint,
        })
        .describe(
          "Base of the image: nothing, a slim Debian, an OCI image layout (folder or archive), a Dockerfile, a Packer template, or an image in a registry.",
        ),
      args: environmentVariables()
        .prefault({})
        .describe(
          "Arguments (`ARG`) of the Dockerfile, or variables of the Packer template, in place of their defaults. Not for secrets.",
        ),
      network: leaf
        .oneOf("none", "internet")
        .prefault("none")
        .describe(
          "What the steps of the Dockerfile, or of the Packer template, reach while they run: nothing, or what this machine reaches.",
        ),
      packages: leaf
        .list(leaf.packageName({ version: true }), "Debian packages")
        .prefault([])
        .describe("Debian packages, each optionally as `name=version`."),
      sources: leaf
        .list(
          leaf.text({
            expected: "a line of sources.list, such as deb https://deb.example.com/debian bookworm main",
            pattern: v.sourcePattern,
          }),
          "sources.list lines",
        )
        .prefault([])
        .describe("Package sources instead of the machine's own, in the one-line format of sources.list(5)."),
      allowSources: leaf
        .list(leaf.oneOf("unsigned", "local"), "permissions")
        .prefault([])
        .describe(
          "Extra rights of `sources`: `unsigned` lets apt trust archives without a valid signature, `local` lets apt read files of this machine.",
        ),
      engine: leaf
        .oneOf("slim", "full")
        .prefault("slim")
        .describe(
          "How packages are installed: `slim` runs no maintainer scripts, `full` runs all of them, and has Debian's essential packages.",
        ),
      skipScripts: leaf
        .list(leaf.packageName({ version: false }), "Debian packages")
        .prefault([])
        .describe("Packages whose maintainer scripts the service does not need."),
      files: leaf
        .list(file, "files")
        .prefault([])
        .describe("Files and folders of the project that go into the image."),
      exclude: leaf
        .list(leaf.ignorePattern(), "patterns")
        .prefault([])
        .describe(
          "Patterns of files that `files` leaves out, as in a .dockerignore; they apply after the patterns of that file.",
        ),
      users: leaf
        .list(user, "users")
        .prefault([])
        .describe("Users to create in the image, in addition to the users of its base and packages."),
      folders: leaf
        .list(folder, "folders")
        .prefault([])
        .describe("Folders to create in the image, or to give a mode and owner."),
      links: leaf.list(link, "links").prefault([]).describe("Symbolic links to create in the image."),
      env: environmentVariables()
        .prefault({})
        .describe(
          "Environment variables, in addition to the base's or in place of them; LANG defaults to C.UTF-8.",
        ),
      labels: z
        .record(
          z.string().regex(/^[!-~]{1,200}$/, {
            error: "a name without blanks, such as org.opencontainers.image.source",
          }),
          z.string({ error: 'a text ("" is the empty one)' }),
          { error: "a mapping from names to texts" },
        )
        .prefault({})
        .describe("Labels of the image, in addition to the base's or in place of them."),
      user: leaf
        .user("a user name or number, optionally with a group, such as www-data or 1000:1000")
        .optional()
        .describe("User that the process runs as; default: the base image's user, else 65532:65532."),
      command: leaf
        .list(z.string({ error: "a text" }), "texts, the program first")
        .min(1, { error: "at least the program" })
        .optional()
        .describe("Program and arguments; required unless the base has its own."),
    },
    { error: "a mapping that describes the image" },
  )
  .describe("The content of the image.");
