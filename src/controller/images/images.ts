import type { ImageDigest } from "../../domain/ids.ts";
import type { TrustedKey } from "../../domain/policy/admission.ts";
import type { Scanner } from "../../trust/vulnerabilities/scanner.ts";

/** What the controller asks the image store. */
export interface Images {
  /** Whether the image is there. */
  has(image: ImageDigest): Promise<boolean>;
  /**
   * Holds a request to what was given: a version names one image forever, and a client could claim anything. Throws
   * `version_taken` when it names another image, `image_unknown` when it was never given to any.
   */
  requireVersion(service: string, version: string, image: ImageDigest): Promise<void>;
  /** Ids of the keys, among these, that have signed the image. Absent: nothing is signed here. */
  signers?(image: ImageDigest, keys: readonly TrustedKey[]): Promise<readonly string[]>;
  /** What the image was built on, by its manifest. Absent: nothing is known here. */
  bases?(image: ImageDigest): readonly string[];
  /** Known vulnerabilities of images. Absent: nothing is scanned here. */
  readonly scanner?: Pick<Scanner, "known" | "find">;
}
