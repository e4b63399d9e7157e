import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Open for as long as there is something to show; Escape closes it too. What is in it has the title's id. */
export function Dialog<Shown>({ shown, title, onClose, children }: DialogProps<Shown>) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (shown !== undefined && dialog.current?.open === false) dialog.current.showModal();
    if (shown === undefined) dialog.current?.close();
  }, [shown]);
  return (
    <dialog ref={dialog} class="plan" aria-labelledby={title} onClose={onClose}>
      {shown !== undefined && children(shown)}
    </dialog>
  );
}

interface DialogProps<Shown> {
  readonly shown: Shown | undefined;
  /** The id of its heading. */
  readonly title: string;
  readonly onClose: () => void;
  readonly children: (shown: Shown) => ComponentChildren;
}

/** Why someone changes something. */
export function ReasonField({ reason, onReason, required, remark }: ReasonProps) {
  return (
    <label class="reason">
      Why? <span class="quiet">{remark}</span>
      <input
        type="text"
        required={required}
        maxLength={1000}
        value={reason}
        onInput={(event) => onReason(event.currentTarget.value)}
      />
    </label>
  );
}

interface ReasonProps {
  readonly reason: string;
  readonly onReason: (reason: string) => void;
  readonly required: boolean;
  readonly remark: string;
}

/** The way out of a dialog, and its one effect. */
export function DialogButtons({ onCancel, effect, disabled }: ButtonsProps) {
  return (
    <div class="buttons">
      <button type="button" onClick={onCancel}>
        Cancel
      </button>
      {effect !== undefined && (
        <button type="submit" class="primary" disabled={disabled}>
          {effect}
        </button>
      )}
    </div>
  );
}

interface ButtonsProps {
  readonly onCancel: () => void;
  /** What the button does; undefined: that is not known yet. */
  readonly effect: string | undefined;
  readonly disabled: boolean;
}
