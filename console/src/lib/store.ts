import { useEffect, useState } from "preact/hooks";

/** One value with one owner, whose watchers are told when it changes. */
export interface Store<T> {
  get(): T;
  set(next: T | ((now: T) => T)): void;
  /** Call `watcher` after each change; the answer ends that. */
  watch(watcher: () => void): () => void;
}

export function store<T>(first: T): Store<T> {
  let value = first;
  const watchers = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      const changed = typeof next === "function" ? (next as (now: T) => T)(value) : next;
      if (Object.is(changed, value)) return;
      value = changed;
      for (const watcher of [...watchers]) watcher();
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

/** A store's value, or what `pick` takes of it; the component is drawn again when that changes. */
export function useStore<T>(from: Store<T>): T;
export function useStore<T, P>(from: Store<T>, pick: (value: T) => P): P;
export function useStore<T, P>(from: Store<T>, pick?: (value: T) => P): T | P {
  const take = () => (pick ? pick(from.get()) : from.get());
  const [, redraw] = useState(0);
  const now = take();
  // The effect asks again at once: the value may have changed between drawing and this.
  useEffect(() => {
    let last: T | P = now;
    const look = () => {
      const next = take();
      if (Object.is(next, last)) return;
      last = next;
      redraw((count) => count + 1);
    };
    look();
    return from.watch(look);
  }, [from]);
  return now;
}
