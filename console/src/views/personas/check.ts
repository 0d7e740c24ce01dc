import { useEffect, useState } from "preact/hooks";
import { isAbort, wordsFor } from "../../api/errors";

/** What the server says of what is being typed. */
export interface Asked<T> {
  value: T | null;
  error: string;
  /** Whether the value is of an earlier text. */
  busy: boolean;
}

/** Ask once typing has paused for `ms`; answers to an earlier text are given up. With `skip` nothing is asked. */
export function useAsked<T>(
  key: string,
  ms: number,
  skip: boolean,
  ask: (signal: AbortSignal) => Promise<T>,
): Asked<T> {
  const [state, setState] = useState<Asked<T>>({ value: null, error: "", busy: !skip });
  useEffect(() => {
    if (skip) {
      setState({ value: null, error: "", busy: false });
      return;
    }
    const abort = new AbortController();
    setState((was) => ({ ...was, busy: true }));
    const timer = setTimeout(() => {
      ask(abort.signal).then(
        (value) => abort.signal.aborted || setState({ value, error: "", busy: false }),
        (error: unknown) =>
          abort.signal.aborted || isAbort(error) || setState({ value: null, error: wordsFor(error), busy: false }),
      );
    }, ms);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, skip]);
  return state;
}
