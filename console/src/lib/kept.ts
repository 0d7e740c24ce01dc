import { type Store, store } from "./store";

const PREFIX = "callbridge.";

/** A store whose value stays in this browser. What `allowed` refuses, and a browser that keeps nothing, give `first`. */
export function kept<T extends string>(name: string, first: T, allowed: (value: string) => value is T): Store<T> {
  const key = PREFIX + name;
  const held = read(key);
  const value = store<T>(held !== null && allowed(held) ? held : first);
  value.watch(() => write(key, value.get()));
  return value;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is forbidden in this browser: choices then last as long as the page
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As above.
  }
}
