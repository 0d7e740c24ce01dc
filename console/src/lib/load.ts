import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { isAbort, wordsFor } from "../api/errors";

/** Something that is fetched: the last good value stays while it is fetched again, and beside an error. */
export interface Loaded<T> {
  value: T | null;
  error: string;
  loading: boolean;
  /** Fetch it again. */
  reload: () => void;
  /** Put in what is known to be true now, without fetching. */
  put: (value: T) => void;
}

/** Fetch when the component appears and whenever `key` changes; what is under way then is given up. */
export function useLoaded<T>(key: string, fetcher: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: string; loading: boolean }>({
    key,
    value: null,
    error: "",
    loading: true,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(fetcher);
  latest.current = fetcher;
  useEffect(() => {
    const abort = new AbortController();
    setState((was) => ({ ...was, key, value: was.key === key ? was.value : null, loading: true, error: "" }));
    latest.current(abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setState({ key, value, error: "", loading: false });
      },
      (error: unknown) => {
        if (!abort.signal.aborted && !isAbort(error))
          setState((was) => ({ ...was, error: wordsFor(error), loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((count) => count + 1), []);
  const put = useCallback((value: T) => setState((was) => ({ ...was, value })), []);
  return { value: state.value, error: state.error, loading: state.loading, reload, put };
}

/** Call `task` each `ms` while the component is there and the page is looked at. */
export function useEvery(ms: number, task: () => void): void {
  const latest = useRef(task);
  latest.current = task;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms]);
}
