import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useTexts } from "../i18n";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import { Notice } from "./Notice";

interface PageProps {
  title: string;
  lead?: ComponentChildren;
  /** Buttons beside the title. */
  actions?: ComponentChildren;
  /** A way up: `{ href, text }`. */
  back?: { href: string; text: string };
  children: ComponentChildren;
}

let first = true;

/** A view's frame: its title (also of the window), what can be done, and the view itself. The title takes the focus. */
export function Page({ title, lead, actions, back, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · callbridge`;
  }, [title]);
  useEffect(() => {
    // A reader who has just opened the page begins at its top; whoever changes views goes on at the new one.
    if (!first) heading.current?.focus();
    first = false;
  }, []);
  return (
    <>
      <header class="page-head">
        <div class="grow">
          {back && (
            <a class="page-back" href={back.href}>
              <Icon name="back" size={15} />
              {back.text}
            </a>
          )}
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="row">{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** Where there is nothing yet: what this place is for, and the way to the first one. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-sign">
        <Icon name={icon} size={26} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Waiting() {
  const t = useTexts().shell;
  return (
    <div class="waiting" role="status" aria-busy="true">
      <span class="spinner" />
      {t.loading}
    </div>
  );
}

/** An error in the place of what could not be had, with a way to try again. */
export function Failed({ message, retry }: { message: string; retry?: () => void }) {
  const t = useTexts().shell;
  return (
    <Notice kind="danger">
      <div class="row spread">
        <span>{message}</span>
        {retry && (
          <Button small icon="refresh" onClick={retry}>
            {t.tryAgain}
          </Button>
        )}
      </div>
    </Notice>
  );
}
