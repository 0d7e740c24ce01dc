import { texts } from "../i18n";

/** A request that did not succeed. `message` is for the reader; `status` is 0 where no answer came. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** The answer's JSON, where it had one: lists of problems lie there. */
    readonly body: unknown = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** The words of FastAPI's `detail`: a text, or a list of what is wrong with the fields. */
function detailOf(body: unknown): string {
  const detail = (body as { detail?: unknown } | null)?.detail;
  if (typeof detail === "string") return detail;
  if (!Array.isArray(detail)) return "";
  return detail
    .map((one: { loc?: unknown[]; msg?: string }) => [one.loc?.slice(1).join("."), one.msg].filter(Boolean).join(": "))
    .join("; ");
}

/** What an answer that is no success means, in words. What the server says itself comes first where it helps. */
export async function errorOf(response: Response): Promise<ApiError> {
  const t = texts().shell.errors;
  const text = await response.text().catch(() => "");
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    body = null; // a proxy's page, or nothing
  }
  const detail = detailOf(body);
  const { status } = response;
  const message = () => {
    if (status === 401) return t.unauthorised;
    if (status === 429) return t.tooMany(Number(response.headers.get("retry-after")) || 0);
    if (status >= 500 && !detail) return t.server(status);
    if (detail) return detail.charAt(0).toUpperCase() + detail.slice(1);
    if (status === 403) return t.forbidden;
    if (status === 404) return t.missing;
    if (status === 413) return t.tooLarge;
    return t.server(status);
  };
  return new ApiError(status, message(), body);
}

/** The words for anything that was thrown. */
export function wordsFor(error: unknown): string {
  return error instanceof Error && error.message ? error.message : String(error);
}

/** Whether it is only that nobody waits for the answer any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
