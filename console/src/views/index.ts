import type { ComponentType } from "preact";
import type { Scope } from "../api/session";
import type { Texts } from "../i18n";
import type { Route } from "../lib/router";
import type { IconName } from "../ui/Icon";

/** What a view is given: what stands in the address after its name. */
export interface ViewProps {
  rest: Route["rest"];
  query: Route["query"];
}

export interface View {
  /** Its name in the address. */
  name: string;
  icon: IconName;
  /** Who may not do this sees no way here. */
  scope: Scope;
  title: (texts: Texts) => string;
  /** Fetched when it is opened for the first time. */
  load: () => Promise<{ default: ComponentType<ViewProps> }>;
}

/** All views, in the order of the navigation. */
export const VIEWS: readonly View[] = [
  { name: "live", icon: "live", scope: "calls:read", title: (t) => t.live.title, load: () => import("./live") },
  { name: "calls", icon: "calls", scope: "calls:read", title: (t) => t.calls.title, load: () => import("./calls") },
  { name: "phone", icon: "phone", scope: "talk", title: (t) => t.phone.title, load: () => import("./phone") },
  {
    name: "personas",
    icon: "personas",
    scope: "personas:read",
    title: (t) => t.personas.title,
    load: () => import("./personas"),
  },
  {
    name: "voices",
    icon: "voices",
    scope: "voices:read",
    title: (t) => t.voices.title,
    load: () => import("./voices"),
  },
  {
    name: "models",
    icon: "models",
    scope: "models:read",
    title: (t) => t.models.title,
    load: () => import("./models"),
  },
  {
    name: "health",
    icon: "health",
    scope: "system:read",
    title: (t) => t.health.title,
    load: () => import("./health"),
  },
];
