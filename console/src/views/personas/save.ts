/** Saving a draft, and everything that can come of it. */

import { request } from "../../api/client";
import { ApiError } from "../../api/errors";
import type { Theirs } from "./Conflict";
import { type Draft, keep } from "./drafts";
import type { PersonaDetail } from "./shapes";

/** What became of it. */
export type Outcome =
  | { kind: "saved"; detail: PersonaDetail }
  | { kind: "problems" }
  | { kind: "conflict"; theirs: Theirs };

const pathOf = (name: string) => `v1/personas/${encodeURIComponent(name)}`;

/** The file as it is now. */
export async function fetchDetail(name: string, signal?: AbortSignal): Promise<PersonaDetail> {
  const answer = await request("GET", pathOf(name), undefined, signal ? { signal } : {});
  return (await answer.json()) as PersonaDetail;
}

/** Write a draft over the version from which it was made, and over no other. Raises `ApiError`. */
export async function save(name: string, draft: Draft): Promise<Outcome> {
  const condition: Record<string, string> = draft.etag ? { "If-Match": draft.etag } : { "If-None-Match": "*" };
  try {
    const headers = { "Content-Type": "text/yaml", ...condition };
    const detail = (await (await request("PUT", pathOf(name), draft.yaml, { headers })).json()) as PersonaDetail;
    keep(name, { yaml: detail.yaml, saved: detail.yaml, etag: detail.etag });
    return { kind: "saved", detail };
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) return { kind: "conflict", theirs: await theirsOf(name) };
    if (error instanceof ApiError && error.status === 422) return { kind: "problems" };
    throw error;
  }
}

/** Delete the version that is known here. Raises `ApiError`. */
export async function remove(name: string, etag: string): Promise<void> {
  await request("DELETE", pathOf(name), undefined, { headers: { "If-Match": etag } });
}

async function theirsOf(name: string): Promise<Theirs> {
  try {
    const { yaml, etag } = await fetchDetail(name);
    return { yaml, etag };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { yaml: null, etag: null };
    throw error;
  }
}
