import { type Options, request } from "./client";
import { ApiError, isAbort } from "./errors";

/** One server-sent event. `event` is "message" where the server names none. */
export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

/** Makes events of a stream's text, in whatever pieces it comes (the standard's "event stream interpretation"). */
export class EventParser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id = "";

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    this.#rest += text;
    // A lone \r at the end may be the first half of \r\n: it waits for the next piece.
    for (let end = this.#rest.search(/\r\n|\n|\r(?!$)/); end >= 0; end = this.#rest.search(/\r\n|\n|\r(?!$)/)) {
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith("\r\n", end) ? 2 : 1));
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    return null;
  }

  #dispatch(): ServerEvent | null {
    const event = this.#data.length
      ? { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id }
      : null;
    this.#event = "";
    this.#data = [];
    return event;
  }
}

/** Read one stream of events to its end, by any method. Raises `ApiError` where it cannot be opened. */
export async function readEvents(
  path: string,
  onEvent: (event: ServerEvent) => void,
  options: Options & { method?: string; onOpen?: () => void } = {},
): Promise<void> {
  const headers = { Accept: "text/event-stream", ...options.headers };
  const response = await request(options.method ?? "GET", path, undefined, { ...options, headers });
  options.onOpen?.();
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) return;
    for (const event of parser.push(piece.value)) onEvent(event);
  }
}

export type StreamState = "connecting" | "open" | "waiting" | "denied";

/** How long to wait before try `attempt` (1, 2, …): from half a second up to 20 s, never all watchers at once. */
export function backoffMs(attempt: number, random: number): number {
  const longest = Math.min(20_000, 500 * 2 ** Math.min(attempt - 1, 10));
  return longest * (0.5 + random / 2);
}

/** Read a stream of events, and open it again whenever it ends, until `signal`. Only 401, 403 and 404 are final. */
export async function followEvents(
  path: string,
  onEvent: (event: ServerEvent) => void,
  onState: (state: StreamState, error?: ApiError) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    let error: ApiError | undefined;
    onState("connecting");
    try {
      await readEvents(path, onEvent, {
        signal,
        onOpen: () => {
          attempt = 0;
          onState("open");
        },
      });
    } catch (thrown) {
      if (signal.aborted || isAbort(thrown)) return;
      if (thrown instanceof ApiError) error = thrown;
    }
    if (signal.aborted) return;
    if (error && [401, 403, 404].includes(error.status)) return onState("denied", error);
    onState("waiting", error);
    await pause(backoffMs(Math.max(1, attempt), Math.random()), signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
