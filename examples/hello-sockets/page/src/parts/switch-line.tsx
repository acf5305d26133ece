import type { ComponentChildren } from "preact";

/** A switch with its label and a line that says what it does. */
export function SwitchLine(props: {
  id: string;
  label: string;
  checked: boolean;
  onSwitch(checked: boolean): void;
  children: ComponentChildren;
}) {
  const { id, label, checked, onSwitch, children } = props;
  return (
    <div class="switch-line">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={checked}
        aria-checked={checked}
        onChange={(event) => onSwitch(event.currentTarget.checked)}
        aria-describedby={`${id}-hint`}
      />
      <label for={id}>{label}</label>
      <p id={`${id}-hint`} class="hint">
        {children}
      </p>
    </div>
  );
}
