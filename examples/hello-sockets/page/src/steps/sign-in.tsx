import { useState } from "preact/hooks";
import { Refused, toSentence } from "../api.ts";
import { enter, leave, session } from "../live/session.ts";
import { userConnection } from "../live/user-connection.ts";
import { Step } from "../parts/step.tsx";
import { useStore } from "../store.ts";

export function SignIn() {
  const current = useStore(session);
  return (
    <Step
      id="sign-in"
      number={1}
      title="Sign in"
      lead="An ordinary page session comes first, in a cookie. A cookie alone opens no socket: the page asks for a signed token and hands that over."
      source="server/http/account-routes.ts"
    >
      {current.status === "loading" && <p class="empty busy">Asking the server who you are…</p>}
      {current.status === "unreachable" && <p class="empty">Without the server there is nobody to sign in to.</p>}
      {current.status === "ready" && (current.person ? <SignedIn /> : <Form />)}
    </Step>
  );
}

function SignedIn() {
  const { person, token } = useStore(userConnection);
  return (
    <div class="card signed-in">
      <div>
        <p>
          You are <strong>{person?.name}</strong>, user {person?.id}.
        </p>
        <p class="hint">
          Your token: <code>{token ? `${token.slice(0, 8)}••••••••` : "on its way"}</code>, good for a day.
        </p>
      </div>
      <button type="button" onClick={() => void leave()}>
        Sign out here
      </button>
    </div>
  );
}

type Mode = "signUp" | "signIn";

function Form() {
  // Whoever has just been thrown out comes back by the other door.
  const { person, status } = useStore(userConnection);
  const [mode, setMode] = useState<Mode>(status === "out" ? "signIn" : "signUp");
  const [problem, setProblem] = useState<{ sentence: string; field: "name" | "password" | undefined } | null>(null);
  const [busy, setBusy] = useState(false);
  const isNew = mode === "signUp";

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    setBusy(true);
    setProblem(null);
    try {
      await enter(mode, { name: String(fields.get("name")), password: String(fields.get("password")) });
    } catch (error) {
      const field = error instanceof Refused ? error.field : undefined;
      setProblem({ sentence: toSentence(error), field });
      if (field) form.querySelector<HTMLInputElement>(`[name=${field}]`)?.focus();
    } finally {
      setBusy(false);
    }
  }

  return (
    <form class="card sign-in-form" onSubmit={(event) => void submit(event)} noValidate>
      <fieldset class="choice">
        <legend class="visually-hidden">New here?</legend>
        <Choice mode="signUp" chosen={mode} choose={setMode} label="New account" />
        <Choice mode="signIn" chosen={mode} choose={setMode} label="I have one" />
      </fieldset>
      <div class="field">
        <label for="name">Name</label>
        <input
          id="name"
          name="name"
          defaultValue={person?.name ?? ""}
          autocomplete="username"
          autocapitalize="off"
          spellcheck={false}
          maxLength={32}
          aria-invalid={problem?.field === "name"}
          aria-describedby="name-hint"
        />
        <Hint
          id="name-hint"
          problem={problem?.field === "name" ? problem.sentence : null}
          text={isNew ? "Any name: it stays on this machine." : "The one you signed up with."}
        />
      </div>
      <div class="field">
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete={isNew ? "new-password" : "current-password"}
          maxLength={128}
          aria-invalid={problem?.field === "password"}
          aria-describedby="password-hint"
        />
        <Hint
          id="password-hint"
          problem={problem?.field === "password" ? problem.sentence : null}
          text={isNew ? "At least 8 characters." : "\u00a0"}
        />
      </div>
      {problem && problem.field === undefined && (
        <p class="problem" role="alert">
          {problem.sentence}
        </p>
      )}
      <button type="submit" class="primary" disabled={busy}>
        {busy ? "One moment…" : isNew ? "Sign up" : "Sign in"}
      </button>
    </form>
  );
}

/** What to write in a field; what is wrong with it once something is. */
function Hint({ id, problem, text }: { id: string; problem: string | null; text: string }) {
  return (
    <span id={id} class={problem ? "problem" : "hint"} role={problem ? "alert" : undefined}>
      {problem ?? text}
    </span>
  );
}

interface ChoiceProps {
  readonly mode: Mode;
  readonly chosen: Mode;
  readonly choose: (mode: Mode) => void;
  readonly label: string;
}

function Choice({ mode, chosen, choose, label }: ChoiceProps) {
  return (
    <label>
      <input type="radio" name="mode" value={mode} checked={mode === chosen} onChange={() => choose(mode)} />
      <span>{label}</span>
    </label>
  );
}
