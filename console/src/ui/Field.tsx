import type { ComponentChildren, InputHTMLAttributes, KeyboardEventHandler } from "preact";
import { useId } from "preact/hooks";

interface Labelled {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with the value; read out with the field. */
  wrong?: string;
}

interface Described {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": "true" | undefined;
}

function Field({ label, hint, wrong, draw }: Labelled & { draw: (given: Described) => ComponentChildren }) {
  const id = useId();
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {draw({ id, "aria-describedby": described || undefined, "aria-invalid": wrong ? "true" : undefined })}
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {wrong && (
        <span class="wrong" id={`${id}-wrong`}>
          {wrong}
        </span>
      )}
    </div>
  );
}

/** What else a control may be told; the rest of HTML is not needed here. */
interface Control {
  name?: string;
  placeholder?: string;
  disabled?: boolean;
  required?: boolean;
  autocomplete?: string;
  autocapitalize?: "none" | "sentences";
  spellcheck?: boolean;
  maxLength?: number;
}

interface Written extends Labelled, Control {
  value: string;
  onValue: (value: string) => void;
}

interface OneLine extends Written {
  type?: "text" | "password" | "search" | "tel" | "date" | "number" | "url";
  inputMode?: "text" | "tel" | "numeric" | "search";
  min?: string | number;
  max?: string | number;
  step?: string | number;
  list?: string;
  onKeyDown?: KeyboardEventHandler<HTMLInputElement>;
}

export function TextField({ label, hint, wrong, onValue, ...rest }: OneLine) {
  return (
    <Field
      label={label}
      hint={hint}
      {...(wrong ? { wrong } : {})}
      draw={(given) => (
        <input
          class="input"
          {...(rest as InputHTMLAttributes)}
          {...given}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    />
  );
}

export function TextArea({ label, hint, wrong, onValue, ...rest }: Written & { rows?: number }) {
  return (
    <Field
      label={label}
      hint={hint}
      {...(wrong ? { wrong } : {})}
      draw={(given) => (
        <textarea class="input" {...rest} {...given} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
    />
  );
}

export function SelectField({
  label,
  hint,
  wrong,
  onValue,
  options,
  ...rest
}: Written & { options: readonly (readonly [value: string, text: string])[] }) {
  return (
    <Field
      label={label}
      hint={hint}
      {...(wrong ? { wrong } : {})}
      draw={(given) => (
        <select class="input" {...rest} {...given} onChange={(event) => onValue(event.currentTarget.value)}>
          {options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    />
  );
}

export function Checkbox({
  checked,
  onChecked,
  children,
  ...rest
}: Control & {
  checked: boolean;
  onChecked: (checked: boolean) => void;
  children: ComponentChildren;
}) {
  return (
    <label class="check">
      <input type="checkbox" {...rest} checked={checked} onChange={(event) => onChecked(event.currentTarget.checked)} />
      <span>{children}</span>
    </label>
  );
}

/** One of a few, all to be seen: radio buttons side by side. */
export function Segments<T extends string>({
  label,
  value,
  options,
  onValue,
}: {
  label: string;
  value: T;
  options: readonly (readonly [value: T, text: string])[];
  onValue: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="segments">
      <legend class="hidden-visually">{label}</legend>
      {options.map(([one, text]) => (
        <label key={one}>
          <input type="radio" name={name} value={one} checked={one === value} onChange={() => onValue(one)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
