import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { FaultNote } from "../../parts/answer.tsx";
import { ask, type Fault, invalidate, toFault } from "../../store.ts";

interface Revocable {
  readonly kind: "token" | "invite";
  readonly id: string;
  readonly name: string;
}

/** What someone is about to revoke; undefined: nothing. */
export const revoking = signal<Revocable | undefined>(undefined);

const close = () => {
  revoking.value = undefined;
};

/** Says what ends, and asks why: it cannot be taken back. */
export function RevokeDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const chosen = revoking.value;
  useEffect(() => {
    if (chosen !== undefined && dialog.current?.open === false) dialog.current.showModal();
    if (chosen === undefined) dialog.current?.close();
  }, [chosen]);
  useEffect(() => close, []);
  return (
    <dialog ref={dialog} class="plan" aria-labelledby="revoke-title" onClose={close}>
      {chosen !== undefined && <Revoke key={chosen.id} chosen={chosen} />}
    </dialog>
  );
}

function Revoke({ chosen: { kind, id, name } }: { readonly chosen: Revocable }) {
  const [reason, setReason] = useState("");
  const [fault, setFault] = useState<Fault>();
  const [busy, setBusy] = useState(false);
  const revoke = async () => {
    setBusy(true);
    try {
      await ask("revokeAccess", { who: id, reason: reason.trim() });
      invalidate(undefined);
      close();
    } catch (error) {
      setFault(toFault(error));
    }
    setBusy(false);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy && reason.trim() !== "") void revoke();
      }}
    >
      <h2 id="revoke-title">
        Revoke the {kind} of {name}
      </h2>
      {fault !== undefined && <FaultNote fault={fault} />}
      <p>
        {kind === "token"
          ? "It ends at once, and what it reads ends with it. Coming back needs a new invite."
          : "No one can log in with it any more."}
      </p>
      <label class="reason">
        Why? <span class="quiet">For the event log.</span>
        <input
          type="text"
          required
          maxLength={1000}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={busy || reason.trim() === ""}>
          Revoke the {kind}
        </button>
      </div>
    </form>
  );
}
