import { type Command, Option } from "commander";
import { collected, command, group, intoFile, type LoadCommand, reasonHelp } from "../../program/declare.ts";

export function addImageCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Images:");
  command(program, "images", "list images, and the releases that use them", "kiln images", "kiln images shop")
    .argument("[SERVICE]", "only images of this service")
    .action(load(async () => (await import("./images.ts")).run));
  const image = group(program, "image", "show, push, pull, pin or remove images");
  command(
    image,
    "push",
    "copy an image to a registry",
    "kiln image push shop:1.4.0 registry.example/team/shop",
    "kiln image push shop:1.4.0 http://127.0.0.1:5000/shop:stable",
  )
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .argument("<REFERENCE>", "HOST/NAME or HOST/NAME:TAG; default: the version as the tag")
    .action(load(async () => (await import("./transfer.ts")).push));
  command(
    image,
    "pull",
    "copy an image of Kiln from a registry, to be deployed",
    "kiln image pull registry.example/team/shop:1.4.0",
    "kiln image pull registry.example/team/shop@sha256:4f1c... --as shop:1.4.0",
  )
    .argument("<REFERENCE>", "HOST/NAME:TAG or HOST/NAME@DIGEST")
    .option("--as <SERVICE:VERSION>", "its name here; default: the end of NAME, and TAG")
    .action(load(async () => (await import("./transfer.ts")).pull));
  command(
    image,
    "copy",
    "copy an image between registries, or to or from one",
    "kiln image copy registry.example/team/shop:1.4.0 other.example/shop",
    "kiln image copy docker.io/library/nginx@sha256:4f1c... registry.example/base/nginx:1.27",
  )
    .argument("<SOURCE>", "HOST/NAME:TAG, HOST/NAME@DIGEST, or an image of the store")
    .argument("<TARGET>", "HOST/NAME or HOST/NAME:TAG; or SERVICE:VERSION, its name in the store")
    .action(load(async () => (await import("./transfer.ts")).copy));
  command(
    image,
    "import",
    "take an image from a file or a folder, to be deployed",
    "kiln image import shop.tar --as shop:1.4.0",
    "kiln image import root.tar --as shop:1.4.0 -- /usr/bin/shop --port 8080",
  )
    .argument("<PATH>", "an OCI layout, a tar archive of one, of `docker save`, or of a root file system")
    .argument("[COMMAND...]", "after `--`: what servers run, in place of what the image says")
    .requiredOption("--as <SERVICE:VERSION>", "its name here")
    .option("--ref <NAME>", "one of several images there: a name, or a digest")
    .action(load(async () => (await import("./import.ts")).run));
  command(
    image,
    "rm",
    "remove images that no kept release uses",
    "kiln image rm shop:1.4.0",
    "kiln image rm sha256:4f1c...",
  )
    .argument("<IMAGE...>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./change.ts")).run));
  intoFile(
    command(
      image,
      "disk",
      "write an image as a disk that boots",
      "kiln image disk shop:1.4.0",
      "kiln image disk shop:1.4.0 --format qcow2 --writable /run --variable PORT=8080",
    ),
    "the file to write; default: ./SERVICE-VERSION.FORMAT",
  )
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .addOption(
      new Option(
        "--format <FORMAT>",
        "qcow2: QEMU, OpenStack; vmdk: VMware; vhd: Azure; gce: Google; uki: what boots",
      )
        .choices(["raw", "qcow2", "vmdk", "vhd", "gce", "uki"])
        .default("raw"),
    )
    .option("--writable <PATH>", "a folder of memory; may be repeated", collected)
    .option("--variable <NAME=VALUE>", "an environment variable; may be repeated", collected)
    .option("--signature <FILE>", "of its boot program, for Secure Boot: what `kiln image sign-disk` writes")
    .action(load(async () => (await import("./disk.ts")).run));
  intoFile(
    command(
      image,
      "sign-disk",
      "sign a boot program for Secure Boot",
      "kiln image sign-disk shop-1.4.0.efi --key keys/db.key --certificate keys/db.pem",
    ),
    "the signature; default: FILE.p7s",
  )
    .argument("<FILE>", "what `kiln image disk IMAGE --format uki` writes")
    .requiredOption("-k, --key <FILE>", "the private key of db, in PEM")
    .requiredOption("--certificate <FILE>", "its certificate, in PEM")
    .action(load(async () => (await import("./boot-keys.ts")).sign));
  command(
    image,
    "publish-disk",
    "print or run the commands that make an image of a cloud from a disk",
    "kiln image publish-disk shop-1.4.0.raw --to aws --bucket images",
    "kiln image publish-disk shop-1.4.0.qcow2 --to openstack --run",
  )
    .argument("<FILE>", "what `kiln image disk` has written; its format is recognized")
    .addOption(
      new Option("--to <CLOUD>", "aws: raw; gce: gce; azure: vhd; openstack: qcow2")
        .choices(["aws", "gce", "azure", "openstack"])
        .makeOptionMandatory(),
    )
    .option("--name <NAME>", "of the image there; default: from the file's name")
    .option("--bucket <NAME>", "aws, gce: where the disk is copied to, until the image is made")
    .option("--resource-group <NAME>", "azure: where the image belongs")
    .option("--storage-account <NAME>", "azure: where the disk is copied to, until the image is made")
    .option("--container <NAME>", "azure: the container there")
    .option("--boot-keys <FOLDER>", "gce: what Secure Boot trusts; `kiln image boot-keys` makes them")
    .option("--run", "run the commands, with your own credentials")
    .action(load(async () => (await import("./publish-disk.ts")).run));
  command(
    image,
    "boot-keys",
    "make keys for Secure Boot, and the files that enrol them",
    "kiln image boot-keys keys",
  )
    .argument("<FOLDER>", "has PK, KEK and db, each as .key and .pem; they are made when none is there")
    .action(load(async () => (await import("./boot-keys.ts")).run));
  command(image, "show", "print what an image has", "kiln image show shop:1.4.0")
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .action(load(async () => (await import("./show.ts")).run));
  command(image, "key", "make a key pair that signs images", "kiln image key release.key")
    .argument("<FILE>", "where the private key goes; the public key goes to FILE.pub")
    .action(load(async () => (await import("./sign.ts")).key));
  command(
    image,
    "sign",
    "attach a signature to an image",
    "kiln image sign shop:1.4.0 --key release.key",
    "kiln image sign shop:1.4.0 --key release.key --sbom --provenance",
  )
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .option("-k, --key <FILE>", "the private key; default: the PEM text in KILN_SIGNING_KEY")
    .option("--sbom", "attach a signed bill of materials as well")
    .option("--provenance", "attach a signed statement of how it was built as well")
    .action(load(async () => (await import("./sign.ts")).sign));
  command(
    image,
    "verify",
    "check the signatures of an image, here or in a registry",
    "kiln image verify shop:1.4.0",
    "kiln image verify registry.example/team/shop:1.4.0 --key release.key.pub --provenance",
  )
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, the beginning of a digest, or HOST/NAME:TAG")
    .option("-k, --key <FILE>", "a public key in PEM, in place of image policies; may be repeated", collected)
    .option("--target <TARGET>", "check as for a deploy there; default: local")
    .option("--sbom", "a bill of materials has to be signed as well")
    .option("--provenance", "a statement of how it was built has to be signed as well")
    .action(load(async () => (await import("./verify.ts")).run));
  intoFile(
    command(
      image,
      "sbom",
      "list what an image consists of, as SPDX or CycloneDX",
      "kiln image sbom shop:1.4.0 --output shop.spdx.json",
      "kiln image sbom shop:1.4.0 --format cyclonedx",
    ),
    "the file to write; `-` is standard output, and the default",
  )
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .addOption(
      new Option("--format <FORMAT>", "spdx: SPDX 2.3; cyclonedx: CycloneDX 1.6")
        .choices(["spdx", "cyclonedx"])
        .default("spdx"),
    )
    .action(load(async () => (await import("./sbom.ts")).run));
  command(image, "provenance", "print how an image was built", "kiln image provenance shop:1.4.0")
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .action(load(async () => (await import("./sbom.ts")).provenance));
  command(
    image,
    "scan",
    "list the known vulnerabilities of an image",
    "kiln image scan shop:1.4.0",
    "kiln image scan shop:1.4.0 --fixable --fail-on high",
  )
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .option("--fixable", "only those that a newer package fixes")
    .addOption(
      new Option("--fail-on <SEVERITY>", "exit with 3 when one of them is at least this severe").choices([
        ...["unknown", "negligible", "low", "medium", "high", "critical"],
      ]),
    )
    .action(load(async () => (await import("./scan.ts")).run));
  const advisories = group(image, "advisories", "import, update or list what is known of vulnerabilities");
  command(
    advisories,
    "import",
    "take vulnerability data from files",
    "kiln image advisories import debian.json",
    "kiln image advisories import osv/ vex.openvex.json",
  )
    .argument(
      "<FILE...>",
      "the Debian security tracker's JSON, OSV records, OpenVEX; a folder: its .json files",
    )
    .action(load(async () => (await import("./scan.ts")).importFiles));
  command(
    advisories,
    "update",
    "read from the archive what newer packages fix",
    "kiln image advisories update",
  ).action(load(async () => (await import("./scan.ts")).update));
  command(advisories, "ls", "list the vulnerability data and its age", "kiln image advisories ls").action(
    load(async () => (await import("./scan.ts")).list),
  );
  command(
    image,
    "revoke",
    "start no more servers from an image, nor from what was built on it",
    'kiln image revoke shop:1.4.0 --reason "CVE-2026-1234"',
    'kiln image revoke sha256:4f1c... --reason "end of life" --at 2026-12-31',
  )
    .argument(
      "<IMAGE>",
      "SERVICE:VERSION, a digest, or the beginning of a digest; the whole digest of a base",
    )
    .requiredOption("--reason <TEXT>", "why, for everyone who meets the image")
    .option("--at <MOMENT>", "from then on, such as 2026-12-31T18:00; default: from now on")
    .action(load(async () => (await import("./revoke.ts")).revoke));
  command(image, "unrevoke", "allow servers of a revoked image again", "kiln image unrevoke shop:1.4.0")
    .argument("<IMAGE>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./revoke.ts")).unrevoke));
  command(image, "revoked", "list revoked images, with the reasons", "kiln image revoked").action(
    load(async () => (await import("./revoke.ts")).list),
  );
  command(image, "pin", "keep images that nothing uses", 'kiln image pin shop:1.4.0 --reason "last audited"')
    .argument("<IMAGE...>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./change.ts")).pin));
  command(image, "unpin", "take the pin from images", "kiln image unpin shop:1.4.0")
    .argument("<IMAGE...>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./change.ts")).unpin));
  const channel = group(program, "channel", "name the version that others build on");
  command(channel, "set", "move a channel to a version", "kiln channel set shop/stable 1.4.2")
    .argument("<CHANNEL>", "SERVICE/NAME")
    .argument("<VERSION>", "a version of the service's image")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./channel.ts")).set));
  command(
    channel,
    "ls",
    "list channels, or where one has been",
    "kiln channel ls",
    "kiln channel ls shop/stable",
  )
    .argument("[CHANNEL]", "SERVICE/NAME: where it has been")
    .action(load(async () => (await import("./channel.ts")).list));
  command(channel, "rm", "remove a channel; versions stay", "kiln channel rm shop/stable")
    .argument("<CHANNEL>", "SERVICE/NAME")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./channel.ts")).remove));
  command(program, "gc", "remove images and cached data that nothing uses", "kiln gc").action(
    load(async () => (await import("./gc.ts")).run),
  );
}
