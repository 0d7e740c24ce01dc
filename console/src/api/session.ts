import { texts } from "../i18n";
import { go } from "../lib/router";
import { store, useStore } from "../lib/store";
import { api, onSignedOut } from "./client";
import { ApiError, wordsFor } from "./errors";

export type Scope =
  | "calls:read"
  | "calls:listen"
  | "calls:control"
  | "talk"
  | "personas:read"
  | "personas:write"
  | "voices:read"
  | "voices:write"
  | "models:read"
  | "models:write"
  | "system:read";

/** What the server says of whoever is signed in. */
export interface Holder {
  name: string;
  scopes: readonly Scope[];
  version: string;
  public_url: string;
}

export type Session =
  | { state: "asking" }
  | { state: "out"; notice: string }
  | { state: "in"; holder: Holder }
  | { state: "unreachable"; message: string };

export const session = store<Session>({ state: "asking" });

onSignedOut(() => {
  if (session.get().state === "in") session.set({ state: "out", notice: texts().shell.signIn.expired });
});

/** At the start: use a single-use link's token if the address has one, else the session that this browser has. */
export async function beginSession(): Promise<void> {
  const token = takeToken();
  let notice = "";
  if (token) {
    try {
      await api.post("v1/session", { token });
    } catch (error) {
      notice = error instanceof ApiError && error.status === 401 ? texts().shell.signIn.tokenUsed : wordsFor(error);
    }
  }
  await refresh(notice);
}

/** Sign in with a key. Raises `ApiError` with words for the form. */
export async function signIn(key: string): Promise<void> {
  try {
    await api.post("v1/session", { key });
  } catch (error) {
    if (error instanceof ApiError && [401, 403, 422].includes(error.status))
      throw new ApiError(error.status, texts().shell.signIn.wrong);
    throw error;
  }
  await refresh("");
}

export async function signOut(): Promise<void> {
  await api.delete("v1/session");
  session.set({ state: "out", notice: "" });
}

async function refresh(notice: string): Promise<void> {
  try {
    session.set({ state: "in", holder: await api.get<Holder>("v1/session") });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.set({ state: "out", notice });
    else session.set({ state: "unreachable", message: wordsFor(error) });
  }
}

/** The token of `#token=…`, which must not stay in the address bar or its history. */
function takeToken(): string {
  const token = /^#\/?token=([^&]+)/.exec(location.hash)?.[1] ?? "";
  if (token) go("#/", "replace");
  return token;
}

/** Whether the reader's key is good for `scope`. */
export function useScope(scope: Scope): boolean {
  return useStore(session, (now) => now.state === "in" && now.holder.scopes.includes(scope));
}

/** Who is signed in. Only for views, which are shown to nobody else. */
export function useHolder(): Holder {
  const now = useStore(session);
  return now.state === "in" ? now.holder : { name: "", scopes: [], version: "", public_url: "" };
}
