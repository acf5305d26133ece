import { useId, useState } from "preact/hooks";

interface TextLineProps {
  readonly label: string;
  readonly button: string;
  /** Resolves to null, or to what went wrong. */
  readonly send: (text: string) => Promise<string | null>;
}

/** One line of text to send. It stays in the field if it could not be sent. */
export function TextLine({ label, button, send }: TextLineProps) {
  const id = useId();
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (text.trim() === "") return;
    const failed = await send(text);
    setProblem(failed);
    if (failed === null) setText("");
  }

  return (
    <form class="line" onSubmit={(event) => void submit(event)}>
      <label for={id} class="visually-hidden">
        {label}
      </label>
      <input
        id={id}
        value={text}
        placeholder={label}
        maxLength={280}
        autocomplete="off"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">{button}</button>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
