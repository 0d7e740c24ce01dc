/** What is being written and not yet saved. It outlives a change of view, and the browser asks before the page closes. */

import { store, useStore } from "../../lib/store";

/** `etag` is that of the version from which it was made; null for a persona that does not exist yet. */
export interface Draft {
  yaml: string;
  saved: string;
  etag: string | null;
}

const drafts = store<ReadonlyMap<string, Draft>>(new Map());

/** The draft of a persona, if there is one. */
export function useDraft(name: string): Draft | null {
  return useStore(drafts, (all) => all.get(name) ?? null);
}

/** The names of all of which something is unsaved. */
export function useUnsaved(): ReadonlySet<string> {
  const all = useStore(drafts);
  return new Set([...all].filter(([, draft]) => isUnsaved(draft)).map(([name]) => name));
}

export function draftOf(name: string): Draft | null {
  return drafts.get().get(name) ?? null;
}

export function keep(name: string, draft: Draft): void {
  drafts.set((all) => new Map(all).set(name, draft));
  guard();
}

export function drop(name: string): void {
  drafts.set((all) => new Map([...all].filter(([other]) => other !== name)));
  guard();
}

export function isUnsaved(draft: Draft): boolean {
  return draft.yaml !== draft.saved;
}

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Only while there is something to lose: a page that always asks is not kept in the browser's memory. */
function guard(): void {
  if ([...drafts.get().values()].some(isUnsaved)) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}
