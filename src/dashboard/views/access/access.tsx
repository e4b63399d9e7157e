import type { Answer } from "../../../api/contract/types.ts";
import { grantText } from "../../../domain/access/access.ts";
import { now } from "../../live.ts";
import { Answered } from "../../parts/answer.tsx";
import { Badge } from "../../parts/badge.tsx";
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
        <TokenTable tokens={alive} revocable />
      )}
      {ended.length > 0 && (
        <details class="failure">
          <summary>
            Tokens that have ended <span class="quiet">({ended.length})</span>
          </summary>
          <TokenTable tokens={ended} />
        </details>
      )}
    </>
  );
}

function TokenTable({ tokens, revocable = false }: TokenTableProps) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Who</th>
          <th scope="col">May do</th>
          <th scope="col">Last used</th>
          <th scope="col">Ends</th>
          {revocable && (
            <th scope="col">
              <span class="unseen">Revoke</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {tokens.map((token) => (
          <TokenRow key={token.id} token={token} revocable={revocable} />
        ))}
      </tbody>
    </table>
  );
}

interface TokenTableProps {
  readonly tokens: readonly Token[];
  readonly revocable?: boolean;
}

function TokenRow({ token, revocable }: { readonly token: Token; readonly revocable: boolean }) {
  const { id, kind, name, grants, lastUse, run, createdBy } = token;
  return (
    <tr>
      <th scope="row">
        <span class="name">{name}</span>
        <span class="sub">
          {kind === "ci" ? `a pipeline${run?.repository === undefined ? "" : ` of ${run.repository}`}` : ""}
          {kind === "user" && `invited by ${createdBy}`} · <code>{id}</code>
        </span>
      </th>
      <td data-label="May do">
        <Grants grants={grants} />
      </td>
      <td data-label="Last used">
        {lastUse === undefined ? (
          <span class="quiet">never</span>
        ) : (
          <>
            <Ago at={lastUse.atMs} /> <span class="sub">from {lastUse.address}</span>
          </>
        )}
      </td>
      <td data-label="Ends">
        <End token={token} />
      </td>
      {revocable && (
        <td class="act">
          <button
            type="button"
            class="danger"
            aria-label={`Revoke the token ${id} of ${name}`}
            onClick={() => {
              revoking.value = { kind: "token", id, name };
            }}
          >
            Revoke…
          </button>
        </td>
      )}
    </tr>
  );
}

function End({ token }: { readonly token: Token }) {
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

function Invites({ invites }: Pick<Access, "invites">) {
  if (invites.length === 0) return null;
  return (
    <>
      <h2>Invites</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col">May then do</th>
            <th scope="col">Ends</th>
            <th scope="col">
              <span class="unseen">Revoke</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {invites.map(({ id, name, grants, expiresAtMs, createdBy }) => (
            <tr key={id}>
              <th scope="row">
                <span class="name">{name}</span>
                <span class="sub">
                  invited by {createdBy} · <code>{id}</code>
                </span>
              </th>
              <td data-label="May do">
                <Grants grants={grants} />
              </td>
              <td data-label="Ends">
                <Ago at={expiresAtMs} />
              </td>
              <td class="act">
                <button
                  type="button"
                  class="danger"
                  aria-label={`Revoke the invite ${id} of ${name}`}
                  onClick={() => {
                    revoking.value = { kind: "invite", id, name };
                  }}
                >
                  Revoke…
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
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
        <table>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Who fits</th>
              <th scope="col">May do</th>
            </tr>
          </thead>
          <tbody>
            {rules.map(({ name, issuer, claims, grants, addedAtMs, addedBy }) => (
              <tr key={name}>
                <th scope="row">
                  <span class="name">{name}</span>
                  <span class="sub">
                    added by {addedBy} <Ago at={addedAtMs} />
                  </span>
                </th>
                <td data-label="Who fits">
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
                </td>
                <td data-label="May do">
                  <Grants grants={grants} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
