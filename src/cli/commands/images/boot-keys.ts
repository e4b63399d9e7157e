import { constants } from "node:fs";
import { mkdir, open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import type { Context, Outcome } from "../../context.ts";
import { type OutputFileOptions, writeNewFiles, writeOutputFile } from "../../output/output-file.ts";

interface SignOptions extends OutputFileOptions {
  readonly key: string;
  readonly certificate: string;
}

/** A boot program has some 20 MiB. */
const largestProgram = 512 << 20;
const largestFile = 1 << 20;

/** `kiln image sign-disk FILE`: the signature is a file of its own. Needs neither root nor Kiln's state. */
export async function sign(context: Context, options: SignOptions, file: string): Outcome {
  const [{ readBootKey }, { programDigest }, { signDigest }] = await Promise.all([
    import("../../../image/disk/secure-boot/boot-key.ts"),
    import("../../../image/disk/secure-boot/program.ts"),
    import("../../../image/disk/secure-boot/signed-data.ts"),
  ]);
  const at = (path: string) => resolve(context.cwd, path);
  const digest = programDigest(await readBounded(at(file), largestProgram));
  const pem = await readSmallFile(context, options.certificate);
  const key = readBootKey(at(options.key), options.certificate, pem.toString());
  const path = at(options.output ?? `${file}.p7s`);
  await writeOutputFile(path, options, (write) => write(signDigest(digest, key)));
  const certificate = key.certificate.fingerprint256;
  context.output.result({ digest: `sha256:${digest.toString("hex")}`, certificate, output: path }, [
    `The signature was written to ${path}.`,
    `\`kiln image disk IMAGE --signature ${path}\`, with the options of ${file}, writes a disk that firmware trusts.`,
  ]);
  return 0;
}

const privateNames = ["PK.key", "KEK.key", "db.key"];

/** `kiln image boot-keys FOLDER`: keys that are there stay. Needs neither root nor Kiln's state. */
export async function run(context: Context, _options: object, folder: string): Outcome {
  const [{ readBootKey, readCertificates }, { signatureLists, signedVariable, variableNames }] =
    await Promise.all([
      import("../../../image/disk/secure-boot/boot-key.ts"),
      import("../../../image/disk/secure-boot/variables.ts"),
    ]);
  const path = resolve(context.cwd, folder);
  const isNew = await makeMissing(context, path, variableNames);
  const pem = async (name: string) => (await readBounded(join(path, `${name}.pem`), largestFile)).toString();
  const keyOf = async (name: string) =>
    readBootKey(join(path, `${name}.key`), join(path, `${name}.pem`), await pem(name));
  const [platform, exchange] = [await keyOf("PK"), await keyOf("KEK")];
  const signers = { PK: platform, KEK: platform, db: exchange };
  const written: string[] = [];
  for (const name of variableNames) {
    const certificates = readCertificates(await pem(name), join(path, `${name}.pem`));
    const files = {
      cer: certificates[0]?.raw ?? Buffer.alloc(0),
      esl: signatureLists(certificates),
      auth: signedVariable(name, certificates, signers[name]),
    };
    for (const [suffix, bytes] of Object.entries(files)) {
      await writeFileAtomic(join(path, `${name}.${suffix}`), bytes, { mode: 0o644 });
      written.push(`${name}.${suffix}`);
    }
  }
  context.output.result({ folder: path, isNew, files: written }, [
    isNew ? `Made keys for Secure Boot in ${path}. Keep the .key files secret.` : `The keys in ${path} stay.`,
    `Firmware takes ${written.join(", ")}.`,
  ]);
  return 0;
}

/** All keys, or none: a missing one among others is a mistake. */
async function makeMissing({ clock }: Context, folder: string, names: readonly string[]): Promise<boolean> {
  const wanted = [...names.map((name) => `${name}.pem`), ...privateNames];
  const here = await Promise.all(wanted.map((name) => isThere(join(folder, name))));
  if (here.includes(true)) return false;
  const { newBootKey } = await import("../../../image/disk/secure-boot/new-keys.ts");
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause) => {
    if (!["EEXIST", "ENOTDIR", "EACCES", "EPERM", "EROFS"].some((code) => isErrno(cause, code))) throw cause;
    throw new KilnError("usage", `The folder ${folder} cannot be made (${cause.code}).`, {
      hint: "Name a FOLDER that you may write to.",
      cause,
    });
  });
  const files = await Promise.all(
    names.map(async (name) => {
      const { key, certificate } = await newBootKey(name, clock.now());
      return [
        { path: join(folder, `${name}.key`), mode: 0o600, text: key },
        { path: join(folder, `${name}.pem`), mode: 0o644, text: certificate },
      ];
    }),
  );
  await writeNewFiles(files.flat(), "Name a FOLDER that you may write to.");
  return true;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** A key, certificate or signature that a person names. Throws `usage`. */
export function readSmallFile({ cwd }: Context, path: string): Promise<Buffer> {
  return readBounded(resolve(cwd, path), largestFile);
}

async function readBounded(path: string, most: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error) => {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "EACCES") && !isErrno(error, "ENOTDIR")) throw error;
    throw new KilnError("usage", `${path} cannot be read (${error.code}).`, {
      hint: "Name a file that is there and that you may read.",
      cause: error,
    });
  });
  try {
    const found = await file.stat();
    if (found.isFile() && found.size <= most) return await file.readFile();
    throw new KilnError("usage", `${path} is not a file of at most ${most >> 20} MiB.`, {
      hint: "Name the file that is meant.",
    });
  } finally {
    await file.close();
  }
}
