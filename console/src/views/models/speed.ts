/** How fast bytes come: over the last ten seconds, so that it neither jumps nor lags. */
export class Speed {
  #seen: { at: number; have: number }[] = [];

  /** `have` bytes are there `at` so many milliseconds. Bytes a second, or 0 where that is not known yet. */
  see(at: number, have: number): number {
    const last = this.#seen.at(-1);
    if (last && have < last.have) this.#seen = []; // another file, or from the beginning
    this.#seen.push({ at, have });
    while (this.#seen.length > 2 && (this.#seen[0]?.at ?? at) < at - 10_000) this.#seen.shift();
    const first = this.#seen[0];
    return first && at - first.at >= 1000 ? ((have - first.have) * 1000) / (at - first.at) : 0;
  }
}
