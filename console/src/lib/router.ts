import { store, useStore } from "./store";

/** Where the reader is: `#/calls/3f9a?q=tooth` is view `calls`, rest `["3f9a"]`, query q. */
export interface Route {
  view: string;
  rest: readonly string[];
  query: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s, 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { view: parts[0] ?? "", rest: parts.slice(1), query: new URLSearchParams(query) };
}

/** The address of a place, for `href`. */
export function href(parts: readonly string[], query: Record<string, string | undefined> = {}): string {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) asked.set(name, value);
  const tail = asked.size ? `?${asked}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${tail}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand, with a lone %
  }
}

const here = store<Route>(parseRoute(typeof location === "undefined" ? "" : location.hash));

/** Follow the address bar from now on. */
export function followAddress(): void {
  addEventListener("hashchange", () => here.set(parseRoute(location.hash)));
}

export function useRoute(): Route {
  return useStore(here);
}

/** Go to an address made by `href`. With `replace` the way back does not lead here again: for filters. */
export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "push") location.hash = to;
  else {
    history.replaceState(null, "", to);
    here.set(parseRoute(to));
  }
}
