import type { Answer } from "../../../api/contract/types.ts";
import { grantText } from "../../../domain/access/access.ts";
import { now } from "../../live.ts";
import { Answered } from "../../parts/answer.tsx";
import { Badge } from "../../parts/badge.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { Ago } from "../../parts/time.tsx";
import { useAnswer } from "../../store.ts";
import { endOf, inOrder, type Token } from "./access-words.ts";
import { RevokeDialog, revoking } from "./revoke.tsx";

type Access = Answer<"access">;

/** Who may do what? */
export function AccessView() {
  const self = useAnswer("whoami", {});
  const held = useAnswer("access", {});
  return (
    <section>
      <header class="plain">
        <h1>Access</h1>
        {self.value !== undefined && <p class="quiet">{selfWords(self.value)}</p>}
      </header>
      <Answered held={held}>
        {(access) => (
          <>
            <Listening listening={access.listening} />
            <Tokens tokens={access.tokens} />
            <Invites invites={access.invites} />
            <Rules rules={access.rules} />
          </>
        )}
      </Answered>
      <RevokeDialog />
    </section>
  );
}

function selfWords({ name, kind, grants }: Answer<"whoami">): string {
  if (kind === "local") return `You are ${name}, on the controller's machine: you may do everything.`;
  return `You are ${name}: ${grants.map(grantText).join("; ")}.`;
}

function Listening({ listening }: Pick<Access, "listening">) {
  if (listening === undefined)
    return (
      <p class="note">
        The controller does not listen for the network: only people of its machine reach it.{" "}
        <code>kiln controller listen</code> opens it.
      </p>
    );
  const { address, names, trouble } = listening;
  return (
    <div class={`note ${trouble === undefined ? "good" : "warn"}`}>
      {trouble === undefined ? (
        <p>
          The controller listens for the network at <code>{address}</code>
          {names.length > 0 && <>, as {names.join(", ")}</>}.
        </p>
      ) : (
        <Badge tone="warn" word={trouble} />
      )}
    </div>
  );
}

function Tokens({ tokens }: Pick<Access, "tokens">) {
  const { alive, ended } = inOrder(tokens, now.value);
  return (
    <>
      <h2>People and pipelines</h2>
      {alive.length === 0 ? (
        <p class="empty">No one has a token. An invite makes one: `kiln access invite NAME --role ROLE`.</p>
      ) : (
        <Table rows={alive} columns={[...tokenColumns, revoke("token")]} keyOf={({ id }) => id} />
      )}
      {ended.length > 0 && (
        <details class="failure">
          <summary>
            Tokens that have ended <span class="quiet">({ended.length})</span>
          </summary>
          <Table rows={ended} columns={tokenColumns} keyOf={({ id }) => id} />
        </details>
      )}
    </>
  );
}

const tokenColumns: Columns<Token> = [
  { name: "Who", cell: TokenName },
  { name: "May do", cell: Grants },
  { name: "Last used", cell: LastUse },
  { name: "Ends", cell: End },
];

type Columns<Row> = readonly [Column<Row>, ...Column<Row>[]];

function TokenName({ id, kind, name, run, createdBy }: Token) {
  return (
    <>
      <span class="name">{name}</span>
      <span class="sub">
        {kind === "ci" && `a pipeline${run?.repository === undefined ? "" : ` of ${run.repository}`}`}
        {kind === "user" && `invited by ${createdBy}`} · <code>{id}</code>
      </span>
    </>
  );
}

/** Uses are recorded by the hour, which may have begun before the token was made. */
function LastUse({ lastUse, createdAtMs }: Token) {
  if (lastUse === undefined) return <span class="quiet">never</span>;
  return (
    <>
      <Ago at={Math.max(lastUse.atMs, createdAtMs)} /> <span class="sub">from {lastUse.address}</span>
    </>
  );
}

/** The button that opens the dialog. */
function revoke(kind: "token" | "invite"): Column<{ readonly id: string; readonly name: string }> {
  return {
    ...{ name: "Revoke", acts: true },
    cell: ({ id, name }) => (
      <button
        type="button"
        class="danger"
        aria-label={`Revoke the ${kind} ${id} of ${name}`}
        onClick={() => {
          revoking.value = { kind, id, name };
        }}
      >
        Revoke…
      </button>
    ),
  };
}

function End(token: Token) {
  const { atMs, words, by } = endOf(token, now.value);
  return (
    <>
      {words} <Ago at={atMs} />
      {by !== undefined && <span class="sub">{by}</span>}
    </>
  );
}

function Grants({ grants }: Pick<Token, "grants">) {
  return (
    <ul class="grants">
      {grants.map((grant) => {
        const text = grantText(grant);
        return <li key={text}>{text}</li>;
      })}
    </ul>
  );
}

type Invite = Access["invites"][number];

const inviteColumns: Columns<Invite> = [
  {
    name: "Who",
    cell: ({ id, name, createdBy }) => (
      <>
        <span class="name">{name}</span>
        <span class="sub">
          invited by {createdBy} · <code>{id}</code>
        </span>
      </>
    ),
  },
  { name: "May then do", cell: Grants },
  { name: "Ends", cell: ({ expiresAtMs }) => <Ago at={expiresAtMs} /> },
  revoke("invite"),
];

function Invites({ invites }: Pick<Access, "invites">) {
  if (invites.length === 0) return null;
  return (
    <>
      <h2>Invites</h2>
      <Table rows={invites} columns={inviteColumns} keyOf={({ id }) => id} />
    </>
  );
}

type Rule = Access["rules"][number];

const ruleColumns: Columns<Rule> = [
  {
    name: "Rule",
    cell: ({ name, addedAtMs, addedBy }) => (
      <>
        <span class="name">{name}</span>
        <span class="sub">
          added by {addedBy} <Ago at={addedAtMs} />
        </span>
      </>
    ),
  },
  { name: "Who fits", cell: Fitting },
  { name: "May do", cell: Grants },
];

function Fitting({ issuer, claims }: Rule) {
  return (
    <>
      <code>{issuer.url}</code>
      <ul class="grants">
        {Object.entries(claims).map(([claim, values]) => (
          <li key={claim}>
            <code>
              {claim} = {values.join(" or ")}
            </code>
          </li>
        ))}
      </ul>
    </>
  );
}

function Rules({ rules }: Pick<Access, "rules">) {
  return (
    <>
      <h2>Pipelines that get a token</h2>
      {rules.length === 0 ? (
        <p class="empty">
          None. With `kiln access trust add`, a pipeline proves what it is and needs no secret.
        </p>
      ) : (
        <Table rows={rules} columns={ruleColumns} keyOf={({ name }) => name} />
      )}
    </>
  );
}
