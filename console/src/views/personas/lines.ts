/** Lines of a text: where they are, and how two texts differ. */

/** The place of a line and column (both from 1) in a text; the nearest one there is. */
export function placeOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at++) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = endOfLine(text, start);
  return Math.min(start + Math.max(0, column - 1), end);
}

/** The line (from 1) in which a place of a text lies. */
export function lineAt(text: string, place: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < place; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

export function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** The blanks with which the line of a place begins, up to that place: the next line begins with them, too. */
export function indentAt(text: string, place: number): string {
  const start = text.lastIndexOf("\n", place - 1) + 1;
  return /^[ ]*/.exec(text.slice(start, place))?.[0] ?? "";
}

/** One line of a comparison. `skipped` stands for so many equal lines that are not shown. */
export type Compared = { kind: "same" | "theirs" | "mine"; text: string } | { kind: "skipped"; count: number };

/** Equal lines that are shown around those that differ. */
const AROUND = 2;

/** Beyond so many steps a comparison is not worth its time, and all that is between the equal ends counts as changed. */
const MOST_STEPS = 4_000_000;

/** How `mine` differs from `theirs`, line by line. */
export function compared(theirs: string, mine: string): Compared[] {
  const [a, b] = [theirs.split("\n"), mine.split("\n")];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const same = (text: string): Compared => ({ kind: "same", text });
  return folded([
    ...a.slice(0, head).map(same),
    ...between(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(same),
  ]);
}

/** By the longest common subsequence. */
function between(a: readonly string[], b: readonly string[]): Compared[] {
  const theirs = (text: string): Compared => ({ kind: "theirs", text });
  const mine = (text: string): Compared => ({ kind: "mine", text });
  if (a.length * b.length > MOST_STEPS) return [...a.map(theirs), ...b.map(mine)];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  const get = (i: number, j: number) => common[i * width + j] as number;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? get(i + 1, j + 1) + 1 : Math.max(get(i + 1, j), get(i, j + 1));
    }
  }
  const lines: Compared[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i++] as string });
      j++;
    } else if (j >= b.length || (i < a.length && get(i + 1, j) >= get(i, j + 1))) {
      lines.push(theirs(a[i++] as string));
    } else {
      lines.push(mine(b[j++] as string));
    }
  }
  return lines;
}

/** Without the long runs of equal lines. */
function folded(lines: readonly Compared[]): Compared[] {
  const near = (at: number) =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some((line) => line.kind !== "same");
  const shown: Compared[] = [];
  for (const [at, line] of lines.entries()) {
    const last = shown.at(-1);
    if (near(at)) shown.push(line);
    else if (last?.kind === "skipped") last.count++;
    else shown.push({ kind: "skipped", count: 1 });
  }
  return shown;
}
