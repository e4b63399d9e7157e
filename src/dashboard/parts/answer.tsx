import type { ComponentChildren } from "preact";
import type { Fault, Held } from "../store.ts";
import { Words } from "./words.tsx";

/** What is shown of an answer: nothing yet, why there is none, or the answer. An old answer stays, with the fault above it. */
export function Answered<T>({
  held,
  children,
}: {
  readonly held: Held<T>;
  readonly children: (value: T) => ComponentChildren;
}) {
  const { value, fault } = held;
  return (
    <>
      {fault !== undefined && <FaultNote fault={fault} />}
      {value === undefined ? fault === undefined && <p class="quiet wait">Asking…</p> : children(value)}
    </>
  );
}

export function FaultNote({ fault }: { readonly fault: Fault }) {
  return (
    <div class="note bad" role="alert">
      <p>
        <strong>{fault.message}</strong>
      </p>
      {fault.hint !== undefined && (
        <p>
          <Words text={fault.hint} />
        </p>
      )}
    </div>
  );
}
