import { texts } from "../i18n";
import { ApiError, errorOf } from "./errors";

export type Query = Record<string, string | number | boolean | null | undefined>;

export interface Options {
  query?: Query;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let signedOut: () => void = () => {};

/** Tell `then` whenever the server no longer knows this session. */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

/** The full address of something at this server, wherever the page lies: `address("v1/calls")`. */
export function address(path: string, query: Query = {}): string {
  const url = new URL(path, document.baseURI.replace(/[#?].*$/, ""));
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  return url.href;
}

/** The same for a WebSocket. The session's cookie goes along, so it needs no key. */
export function socketAddress(path: string, query: Query = {}): string {
  return address(path, query).replace(/^http/, "ws");
}

/** A request of any kind; `body` is sent as it is. Raises `ApiError` for everything that is no success. */
export async function request(
  method: string,
  path: string,
  body: BodyInit | undefined,
  options: Options = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path, options.query), {
      method,
      ...(body === undefined ? {} : { body }),
      ...(options.signal ? { signal: options.signal } : {}),
      headers: { Accept: "application/json", ...options.headers },
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, texts().shell.errors.network);
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  if (response.status === 401 && !path.endsWith("/session")) signedOut();
  throw error;
}

async function json<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(response.status, texts().shell.errors.unreadable);
  }
}

async function sendJson<T>(method: string, path: string, value: unknown, options: Options = {}): Promise<T> {
  const headers = { "Content-Type": "application/json", ...options.headers };
  return json<T>(
    await request(method, path, value === undefined ? undefined : JSON.stringify(value), { ...options, headers }),
  );
}

/** JSON in and out. Paths are relative to the server: `api.get<Voices>("v1/voices")`. */
export const api = {
  get: async <T>(path: string, options?: Options) => json<T>(await request("GET", path, undefined, options)),
  post: <T>(path: string, value?: unknown, options?: Options) => sendJson<T>("POST", path, value, options),
  put: <T>(path: string, value?: unknown, options?: Options) => sendJson<T>("PUT", path, value, options),
  delete: async <T = void>(path: string, options?: Options) =>
    json<T>(await request("DELETE", path, undefined, options)),
};
