import { readFileSync } from "node:fs";
import { z } from "zod";

const file = new URL("../../scripts/system-packages.txt", import.meta.url);

const packageSchema = z.object({
  name: z.string(),
  /** What needs the package; `better` marks packages that only improve something. */
  when: z.enum(["setup", "servers", "images", "better", "machines", "templates"]),
  programs: z.array(z.string().min(1)).min(1),
  /** Continues "... is for". */
  purpose: z.string().min(1),
});

/** A Debian package with programs that Kiln runs. */
export type SystemPackage = Readonly<z.infer<typeof packageSchema>>;

/** The content of `scripts/system-packages.txt`, the one list of the programs that Kiln installs or reports as missing. */
export function systemPackages(text = readFileSync(file, "utf8")): readonly SystemPackage[] {
  return text.split("\n").flatMap((line) => {
    if (line === "" || line.startsWith("#")) return [];
    const [name, when, programs, ...purpose] = line.split(/ +/);
    return packageSchema.parse({ name, when, programs: programs?.split(","), purpose: purpose.join(" ") });
  });
}
