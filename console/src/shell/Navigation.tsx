import { useState } from "preact/hooks";
import { useTexts } from "../i18n";
import { href } from "../lib/router";
import { Dialog } from "../ui/Dialog";
import { Icon, Logo } from "../ui/Icon";
import type { View } from "../views";
import { Settings } from "./Settings";

const TABS = 4;

interface Given {
  views: readonly View[];
  /** The name of the view that is shown. */
  current: string;
}

/** The way between the views: a column at the side, or tabs at the foot of a phone's screen. */
export function Navigation({ views, current }: Given) {
  const texts = useTexts();
  const t = texts.shell;
  const [open, setOpen] = useState(false);
  return (
    <nav aria-label={t.navigation}>
      <div class="side">
        <a class="brand" href="#/">
          <Logo />
          callbridge
        </a>
        <ul class="nav-list">
          {views.map((view) => (
            <li key={view.name}>
              <NavLink view={view} current={current} />
            </li>
          ))}
        </ul>
        <div class="nav-foot">
          <button type="button" class="nav-link" onClick={() => setOpen(true)}>
            <Icon name="settings" />
            {t.settings}
          </button>
        </div>
      </div>
      <Tabs views={views} current={current} more={() => setOpen(true)} />
      {open && (
        <Dialog title={narrow() ? t.more : t.settings} onClose={() => setOpen(false)}>
          <div class="stack">
            <More views={views.slice(TABS)} current={current} leave={() => setOpen(false)} />
            <Settings />
          </div>
        </Dialog>
      )}
    </nav>
  );
}

/** Whether there are tabs, as in shell.css. */
function narrow(): boolean {
  return window.matchMedia("(max-width: 760px)").matches;
}

function NavLink({ view, current, onClick }: { view: View; current: string; onClick?: () => void }) {
  const texts = useTexts();
  return (
    <a
      class="nav-link"
      href={href([view.name])}
      aria-current={view.name === current ? "page" : undefined}
      onClick={() => onClick?.()}
    >
      <Icon name={view.icon} />
      {view.title(texts)}
    </a>
  );
}

function Tabs({ views, current, more }: Given & { more: () => void }) {
  const texts = useTexts();
  const hidden = views.slice(TABS).some((view) => view.name === current);
  return (
    <div class="tabs">
      <ul>
        {views.slice(0, TABS).map((view) => (
          <li key={view.name}>
            <a class="tab" href={href([view.name])} aria-current={view.name === current ? "page" : undefined}>
              <Icon name={view.icon} size={22} />
              {view.title(texts)}
            </a>
          </li>
        ))}
        <li>
          <button type="button" class="tab" aria-current={hidden ? "page" : undefined} onClick={more}>
            <Icon name="more" size={22} />
            {texts.shell.more}
          </button>
        </li>
      </ul>
    </div>
  );
}

/** The views that have no tab of their own; only seen where there are tabs. */
function More({ views, current, leave }: Given & { leave: () => void }) {
  if (!views.length) return null;
  return (
    <ul class="nav-list only-narrow">
      {views.map((view) => (
        <li key={view.name}>
          <NavLink view={view} current={current} onClick={leave} />
        </li>
      ))}
    </ul>
  );
}
