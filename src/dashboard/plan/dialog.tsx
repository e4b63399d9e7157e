import { useEffect, useState } from "preact/hooks";
import type { Answer } from "../../api/contract/types.ts";
import { FaultNote } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Dialog, DialogButtons, ReasonField } from "../parts/dialog.tsx";
import { ask, type Fault, toFault } from "../store.ts";
import { actionWords } from "../words.ts";
import { asksReason, carryOut, effectOf, refusedIn, titleOf, type Wish, wish } from "./change.ts";

const close = () => {
  wish.value = undefined;
};

/** Every change is shown as a plan first; its button is the only way to do it. */
export function PlanDialog() {
  return (
    <Dialog shown={wish.value} title="plan-title" onClose={close}>
      {(wished) => <Plan key={JSON.stringify(wished)} wished={wished} />}
    </Dialog>
  );
}

function Plan({ wished }: { readonly wished: Wish }) {
  const [plan, setPlan] = useState<Answer<"plan">>();
  const [fault, setFault] = useState<Fault>();
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setPlan(undefined);
    try {
      setPlan(await ask("plan", wished));
    } catch (error) {
      setFault(toFault(error));
    }
  };
  useEffect(() => void look(), []);
  const confirm = async (shown: Answer<"plan">) => {
    setBusy(true);
    setFault(undefined);
    try {
      await carryOut(wished, shown, reason.trim());
      close();
    } catch (error) {
      setFault(toFault(error));
      await look();
    }
    setBusy(false);
  };
  return (
    <form
      method="dialog"
      onSubmit={(event) => {
        event.preventDefault();
        if (plan !== undefined && !busy) void confirm(plan);
      }}
    >
      <h2 id="plan-title">{titleOf(wished)}</h2>
      {fault !== undefined && <FaultNote fault={fault} />}
      {plan === undefined ? (
        fault === undefined && <p class="quiet wait">Planning…</p>
      ) : (
        <PlanText plan={plan} />
      )}
      {plan !== undefined && (
        <ReasonField
          reason={reason}
          onReason={setReason}
          required={asksReason(plan)}
          remark={asksReason(plan) ? "Policies ask for it." : "For the event log; may stay empty."}
        />
      )}
      <DialogButtons
        onCancel={close}
        effect={plan && effectOf(wished, plan)}
        disabled={busy || plan === undefined || refusedIn(plan).length > 0}
      />
    </form>
  );
}

/** What policies say of it now. */
function Policies({ plan }: { readonly plan: Answer<"plan"> }) {
  const rules = (plan.admission?.rules ?? []).filter(({ kind }) => kind !== "reason");
  if (rules.length === 0) return null;
  return (
    <>
      <h3>Policies</h3>
      <ul>
        {rules.map(({ kind, passed, place, because, remedy }) => (
          <li key={`${kind}${place}${because}`}>
            <Badge tone={passed ? "good" : "warn"} word={passed ? "Passed" : "Refused"} /> {because}{" "}
            <span class="quiet">{[place, remedy].filter((text) => text !== undefined).join(" · ")}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function PlanText({ plan }: { readonly plan: Answer<"plan"> }) {
  const steps = plan.actions.flatMap((action) => {
    const words = actionWords(action);
    return words === undefined ? [] : [{ words, reason: action.reason }];
  });
  const isNothing = steps.length === 0 && plan.changes.length === 0;
  return (
    <div class="plan-text">
      <Policies plan={plan} />
      {isNothing && <p>Nothing would change.</p>}
      {plan.changes.length > 0 && (
        <>
          <h3>What changes</h3>
          <ul class="changes">
            {plan.changes.map((change) => (
              <li key={change}>{change}</li>
            ))}
          </ul>
        </>
      )}
      {steps.length > 0 && (
        <>
          <h3>What is done</h3>
          <ol class="actions">
            {steps.map(({ words, reason }, n) => (
              <li key={n}>
                {words} <span class="quiet">{reason}</span>
              </li>
            ))}
          </ol>
        </>
      )}
      {plan.data.length > 0 && (
        <>
          <h3>Data</h3>
          <ul>
            {plan.data.map((words) => (
              <li key={words}>{words}</li>
            ))}
          </ul>
        </>
      )}
      <dl class="facts">
        <dt>Downtime</dt>
        <dd>{plan.downtime}</dd>
        <dt>Most servers at one time</dt>
        <dd>{plan.peakServers}</dd>
        {plan.serving !== undefined && (
          <>
            <dt>Fewest with traffic</dt>
            <dd>{plan.fewestInTraffic}</dd>
          </>
        )}
      </dl>
    </div>
  );
}
