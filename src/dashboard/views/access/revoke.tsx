import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { FaultNote } from "../../parts/answer.tsx";
import { Dialog, DialogButtons, ReasonField } from "../../parts/dialog.tsx";
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
  useEffect(() => close, []);
  return (
    <Dialog shown={revoking.value} title="revoke-title" onClose={close}>
      {(chosen) => <Revoke key={chosen.id} chosen={chosen} />}
    </Dialog>
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
      <ReasonField reason={reason} onReason={setReason} required remark="For the event log." />
      <DialogButtons onCancel={close} effect={`Revoke the ${kind}`} disabled={busy || reason.trim() === ""} />
    </form>
  );
}
