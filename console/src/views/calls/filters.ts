import type { Query } from "../../api/client";

/** What the list is narrowed to; an empty text does not narrow it. Days are those of the reader's calendar. */
export interface Filters {
  q: string;
  persona: string;
  ended: string;
  /** The first and the last day, "2026-01-31". */
  since: string;
  until: string;
  verdicts: string;
}

const NAMES = ["q", "persona", "ended", "since", "until", "verdicts"] as const;

/** The filters that stand in the address. */
export function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""])) as unknown as Filters;
}

/** Whether the list is narrowed at all. */
export function isNarrowed(filters: Filters): boolean {
  return NAMES.some((name) => filters[name] !== "");
}

/** What the server is asked. Days become moments: from the beginning of the first to the end of the last. */
export function asked(filters: Filters): Query {
  return {
    q: filters.q,
    persona: filters.persona,
    ended: filters.ended,
    since: startOfDay(filters.since, 0),
    until: startOfDay(filters.until, 1),
    verdicts: filters.verdicts ? true : undefined,
  };
}

/** The moment in UTC at which a day of the reader's calendar begins, or the day `later` days after it. */
function startOfDay(day: string, later: number): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return undefined;
  return new Date(year, month - 1, date + later).toISOString();
}
