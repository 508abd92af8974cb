import { type FormEvent, useId, useRef, useState } from "react";
import { openSession, RequestFailed, SignedOut } from "../live/index.ts";

/** Asks for a token, trades it for the session cookie, and lets the page go on. */
export function SignIn({ onSignedIn }: { onSignedIn: () => void }) {
  const field = useId();
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  async function submit(): Promise<void> {
    const token = input.current?.value.trim() ?? "";
    if (token === "") return setError("Paste a token first.");
    setBusy(true);
    setError("");
    try {
      await openSession((url, init) => fetch(url, init), "", token);
      onSignedIn();
    } catch (cause) {
      setError(messageOf(cause));
      input.current?.select();
    } finally {
      setBusy(false);
    }
  }

  function onSubmit(event: FormEvent): void {
    event.preventDefault();
    void submit();
  }

  return (
    <section className="state sign-in" aria-labelledby={`${field}-title`}>
      <h2 id={`${field}-title`}>Sign in</h2>
      <p>This server shows pulls only to people it knows. Your token decides which tenants you see.</p>
      <form onSubmit={onSubmit} noValidate>
        <label htmlFor={field}>Token</label>
        <div className="field-row">
          <input
            id={field}
            ref={input}
            type="password"
            autoComplete="current-password"
            spellCheck={false}
            aria-invalid={error !== ""}
            aria-describedby={`${field}-error`}
          />
          <button type="submit" className="primary" disabled={busy}>
            Sign in
          </button>
        </div>
        <p id={`${field}-error`} className="field-error" role="alert">
          {error}
        </p>
      </form>
      <p className="quiet">No token? An administrator of this installation issues one.</p>
    </section>
  );
}

function messageOf(cause: unknown): string {
  if (cause instanceof SignedOut) return "The server does not accept this token: it is mistyped, expired or revoked.";
  if (cause instanceof RequestFailed) return cause.message;
  return "No connection to the server. Try again in a moment.";
}
