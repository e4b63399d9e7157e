import type { Store } from "../../store/store.ts";
import { parsePublicKey } from "../../trust/signing/keys.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";

/** The operations on trusted keys and image policies. They change no server: the next deploy or rollback observes them. */
export function createTrustOperations(
  store: Store,
): Pick<Operations, "trust" | "trustKey" | "revokeKey" | "requireSigned" | "liftPolicy"> {
  return {
    trust: async () => ({ keys: [...store.trustedKeys()], policies: [...store.imagePolicies()] }),
    trustKey: async (asked, who) => {
      const { id, pem } = parsePublicKey(asked.publicKey, `The key of ${asked.name}`);
      return store.addTrustedKey({ name: asked.name, keyId: id, publicKey: pem }, askerOf(asked, who));
    },
    revokeKey: async (asked, who) => store.revokeTrustedKey(asked.name, asked.reason, askerOf({}, who)),
    requireSigned: async (asked, who) => {
      const { target, mode, signedBy } = asked;
      store.setImagePolicy({ target, mode, signedBy }, askerOf(asked, who));
    },
    liftPolicy: async (asked, who) => void store.removeImagePolicy(asked.target, askerOf(asked, who)),
  };
}
