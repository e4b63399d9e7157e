import { KilnError } from "../../../lib/errors.ts";
import type { FoundDisk } from "./found-disk.ts";

/** A program that is run, by a person or by Kiln. */
export interface PublishStep {
  /** What it does: a phrase in the third person. */
  readonly does: string;
  readonly program: string;
  /** `{{NAME}}` stands for what an earlier step has given. */
  readonly args: readonly string[];
  /** The name of what it prints. */
  readonly gives?: string;
}

/** What a person says about where the disk goes. */
export interface PublishPlace {
  /** Of the image there; by default it follows from the file's name. */
  readonly name?: string | undefined;
  readonly bucket?: string | undefined;
  readonly resourceGroup?: string | undefined;
  readonly storageAccount?: string | undefined;
  readonly container?: string | undefined;
  /** An absolute path of a folder as `kiln image boot-keys` makes it: the image starts with Secure Boot. */
  readonly bootKeys?: string | undefined;
}

interface Request {
  readonly disk: FoundDisk;
  readonly name: string;
  readonly place: PublishPlace;
}

interface CloudRules {
  /** The vendor's program. */
  readonly program: string;
  readonly formats: readonly FoundDisk["format"][];
  /** A disk is a multiple of this. */
  readonly unitBytes: number;
  /** Names of images. */
  readonly names: RegExp;
  readonly needs: readonly ("bucket" | "resourceGroup" | "storageAccount" | "container")[];
  readonly takesBootKeys: boolean;
  readonly steps: (request: Request) => readonly PublishStep[];
}

const suffixes = { raw: "raw", qcow2: "qcow2", vmdk: "vmdk", vhd: "vhd", gce: "tar.gz" } as const;
const named = /^[A-Za-z0-9][A-Za-z0-9._-]{2,79}$/;

/** What each cloud wants of a disk, and the commands of its vendor that make an image of it there. */
const clouds = {
  aws: {
    program: "aws",
    formats: ["raw", "vhd", "vmdk"],
    unitBytes: 512,
    names: named,
    needs: ["bucket"],
    takesBootKeys: false,
    steps: awsSteps,
  },
  gce: {
    program: "gcloud",
    formats: ["gce"],
    unitBytes: 1 << 30, // "Manually import boot disks": the size is a multiple of 1 GB
    names: /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    needs: ["bucket"],
    takesBootKeys: true,
    steps: gceSteps,
  },
  azure: {
    program: "az",
    formats: ["vhd"],
    unitBytes: 1 << 20, // "Prepare Linux for imaging in Azure": the virtual size is in whole MiB
    names: named,
    needs: ["resourceGroup", "storageAccount", "container"],
    takesBootKeys: false,
    steps: azureSteps,
  },
  openstack: {
    program: "openstack",
    formats: ["qcow2", "raw"],
    unitBytes: 512,
    names: named,
    needs: [],
    takesBootKeys: false,
    steps: openstackSteps,
  },
} as const satisfies Readonly<Record<string, CloudRules>>;

export type Cloud = keyof typeof clouds;

const optionNames = {
  ...{ bucket: "--bucket", resourceGroup: "--resource-group", storageAccount: "--storage-account" },
  container: "--container",
};
/** What vendors allow in names of buckets, groups, accounts and containers, and never an option. */
const placeNames = /^[A-Za-z0-9][A-Za-z0-9._()-]{1,89}$/;

/** Throws `usage` when something is missing or not allowed there, `image_invalid` when the cloud would not start the disk. */
export function planPublishing(
  cloud: Cloud,
  disk: FoundDisk,
  place: PublishPlace,
): { readonly name: string; readonly steps: readonly PublishStep[] } {
  const rules: CloudRules = clouds[cloud];
  if (!rules.formats.includes(disk.format))
    throw new KilnError(
      "usage",
      `${cloud} takes ${rules.formats.join(", ")}; ${disk.path} is ${disk.format}.`,
      {
        hint: `\`kiln image disk IMAGE --format ${rules.formats[0]}\` writes one.`,
      },
    );
  if ([disk.path, place.bootKeys].some((path) => path?.includes("{{")))
    throw new KilnError(
      "usage",
      `The path of the disk or of the keys has {{, which stands for results here.`,
      {
        hint: "Give the file or folder another name.",
      },
    );
  if (disk.bytes % rules.unitBytes !== 0)
    throw new KilnError(
      "image_invalid",
      `${cloud} takes disks in whole ${unitName(rules.unitBytes)}; ${disk.path} has ${disk.bytes} bytes.`,
      {
        hint: `Write it again: \`kiln image disk IMAGE --format ${disk.format}\`.`,
      },
    );
  for (const need of rules.needs) if (place[need] === undefined) throw missing(cloud, optionNames[need]);
  for (const [key, option] of Object.entries(optionNames))
    checkPlace(option, place[key as keyof typeof optionNames]);
  if (place.bootKeys !== undefined && !rules.takesBootKeys)
    throw new KilnError("usage", `${cloud} takes no keys for Secure Boot with an image by these commands.`, {
      hint: "docs/machine-images.md says where keys go.",
    });
  const name = place.name ?? nameFrom(disk.path, cloud);
  if (!rules.names.test(name))
    throw new KilnError("usage", `${JSON.stringify(name)} is not a name of an image for ${cloud}.`, {
      hint: `\`--name NAME\`: ${cloud === "gce" ? "at most 63 small letters, digits and hyphens, a letter first" : "3 to 80 letters, digits, dots, hyphens and underscores"}.`,
    });
  return { name, steps: rules.steps({ disk, name, place }) };
}

function missing(cloud: Cloud, option: string): KilnError {
  return new KilnError("usage", `\`--to ${cloud}\` needs \`${option} NAME\`.`, {
    hint: "`kiln image publish-disk --help` says what it is.",
  });
}

function checkPlace(option: string, value: string | undefined): void {
  if (value === undefined || placeNames.test(value)) return;
  throw new KilnError(
    "usage",
    `\`${option} ${value}\`: expected a name of letters, digits, dots, hyphens and underscores.`,
  );
}

function unitName(bytes: number): string {
  return { 512: "sectors", [1 << 20]: "MiB", [1 << 30]: "GiB" }[bytes] ?? `${bytes} bytes`;
}

function nameFrom(path: string, cloud: Cloud): string {
  const base = (path.split("/").at(-1) ?? "").replace(/\.(raw|qcow2|vmdk|vhd|tar\.gz)$/, "");
  return cloud === "gce" ? base.toLowerCase().replaceAll(/[^a-z0-9-]/g, "-") : base;
}

/** `import-image` would look for a distribution in the disk, so this takes `import-snapshot`. IMDSv2 alone: nothing in the disk asks version 1. */
function awsSteps({ disk, name, place: { bucket } }: Request): readonly PublishStep[] {
  const key = `${name}.${suffixes[disk.format]}`;
  const there = `s3://${bucket}/${key}`;
  const container = `Format=${disk.format.toUpperCase()},UserBucket={S3Bucket=${bucket},S3Key=${key}}`;
  const device = "/dev/xvda";
  const aws = (does: string, args: readonly string[], gives?: string): PublishStep => ({
    ...{ does, program: "aws", args },
    ...(gives && { gives }),
  });
  const text = (query: string) => ["--query", query, "--output", "text"];
  const task = ["--import-task-ids", "{{TASK}}"];
  const detail = "ImportSnapshotTasks[0].SnapshotTaskDetail.SnapshotId";
  const mapping = `DeviceName=${device},Ebs={SnapshotId={{SNAPSHOT}},VolumeType=gp3,DeleteOnTermination=true}`;
  return [
    aws("copies the disk to the bucket", ["s3", "cp", disk.path, there]),
    aws(
      "makes a snapshot of it",
      ["ec2", "import-snapshot", "--disk-container", container, ...text("ImportTaskId")],
      "TASK",
    ),
    aws("waits for that", ["ec2", "wait", "snapshot-imported", ...task]),
    aws(
      "finds the snapshot",
      ["ec2", "describe-import-snapshot-tasks", ...task, ...text(detail)],
      "SNAPSHOT",
    ),
    aws(
      "makes an image of the snapshot",
      [
        ...[
          "ec2",
          "register-image",
          "--name",
          name,
          "--architecture",
          "x86_64",
          "--virtualization-type",
          "hvm",
        ],
        ...["--boot-mode", "uefi", "--imds-support", "v2.0", "--ena-support"],
        ...["--root-device-name", device, "--block-device-mappings", mapping, ...text("ImageId")],
      ],
      "IMAGE",
    ),
    aws("removes the copy", ["s3", "rm", there]),
  ];
}

function gceSteps({ disk, name, place: { bucket, bootKeys } }: Request): readonly PublishStep[] {
  const there = `gs://${bucket}/${name}.tar.gz`;
  const keys = [
    ...["--platform-key-file=PK", "--key-exchange-key-file=KEK", "--signature-database-file=db"],
  ].map((option) => option.replace("=", `=${bootKeys}/`).concat(".cer"));
  const gcloud = (does: string, ...args: readonly string[]): PublishStep => ({
    does,
    program: "gcloud",
    args,
  });
  return [
    gcloud("copies the disk to the bucket", "storage", "cp", disk.path, there),
    gcloud(
      "makes an image of it",
      ...["compute", "images", "create", name, `--source-uri=${there}`, "--architecture=X86_64"],
      ...["--guest-os-features=UEFI_COMPATIBLE,GVNIC,VIRTIO_SCSI_MULTIQUEUE", ...(bootKeys ? keys : [])],
    ),
    gcloud("removes the copy", "storage", "rm", there),
  ];
}

/** Through a storage account, because `az disk grant-access` would put a secret into the next command's arguments. */
function azureSteps({ disk, name, place }: Request): readonly PublishStep[] {
  const { resourceGroup = "", storageAccount = "", container = "" } = place;
  const blob = `${name}.vhd`;
  const az = (does: string, ...args: readonly string[]): PublishStep => ({ does, program: "az", args });
  const at = [
    "--account-name",
    storageAccount,
    "--container-name",
    container,
    "--name",
    blob,
    "--auth-mode",
    "login",
  ];
  const url = `https://${storageAccount}.blob.core.windows.net/${container}/${blob}`;
  return [
    az(
      "copies the disk to the container",
      "storage",
      "blob",
      "upload",
      ...at,
      "--type",
      "page",
      "--file",
      disk.path,
    ),
    az(
      "makes an image of it",
      ...["image", "create", "--resource-group", resourceGroup, "--name", name, "--source", url],
      ...["--os-type", "Linux", "--hyper-v-generation", "V2"],
    ),
    az("removes the copy", "storage", "blob", "delete", ...at),
  ];
}

function openstackSteps({ disk, name }: Request): readonly PublishStep[] {
  const properties = [
    ...["architecture=x86_64", "hw_firmware_type=uefi", "hw_machine_type=q35", "hw_disk_bus=virtio"],
    ...["hw_vif_model=virtio", "os_type=linux", "hw_rng_model=virtio"],
  ];
  const image = [
    "image",
    "create",
    name,
    "--private",
    "--disk-format",
    disk.format,
    "--container-format",
    "bare",
  ];
  const args = [...image, ...properties.flatMap((one) => ["--property", one]), "--file", disk.path];
  return [{ does: "makes an image of the disk", program: "openstack", args }];
}
