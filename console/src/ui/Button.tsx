import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./Icon";

interface Common {
  kind?: "plain" | "primary" | "danger" | "danger-fill" | "ghost";
  icon?: IconName;
  small?: boolean;
  children?: ComponentChildren;
  /** The name for screen readers, and the tip, where there are no words to read. */
  label?: string;
}

export interface ButtonProps extends Common {
  onClick?: (event: MouseEvent) => void;
  type?: "button" | "submit";
  /** The id of the form that it submits, where it stands outside of it. */
  form?: string;
  disabled?: boolean;
  /** Something is under way: shown, and not to be pressed again. */
  busy?: boolean;
  pressed?: boolean;
  expanded?: boolean;
  controls?: string;
}

function classes({ kind = "plain", small, children }: Common): string {
  return ["button", kind, small && "small", !children && "icon-only"].filter(Boolean).join(" ");
}

export function Button(props: ButtonProps) {
  const {
    onClick,
    type = "button",
    form,
    disabled,
    busy,
    pressed,
    expanded,
    controls,
    icon,
    label,
    small,
    children,
  } = props;
  return (
    <button
      type={type}
      form={form}
      class={classes(props)}
      onClick={(event) => !busy && onClick?.(event)}
      disabled={disabled ?? false}
      aria-disabled={busy ? "true" : undefined}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-controls={controls}
      aria-label={label}
      title={children ? undefined : label}
    >
      {busy ? <span class="spinner" /> : icon && <Icon name={icon} size={small ? 17 : 19} />}
      {children}
    </button>
  );
}

/** Looks like a button and leads somewhere. */
export function LinkButton(props: Common & { href: string; download?: boolean | string }) {
  const { href, download, icon, label, small, children } = props;
  return (
    <a
      class={classes(props)}
      href={href}
      download={download === true ? "" : download || undefined}
      aria-label={label}
      title={children ? undefined : label}
    >
      {icon && <Icon name={icon} size={small ? 17 : 19} />}
      {children}
    </a>
  );
}
