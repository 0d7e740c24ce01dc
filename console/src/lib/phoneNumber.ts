/** What people type between digits is taken out: "+1 (202) 555-0143" is +12025550143. */
export function tidyNumber(typed: string): string {
  return typed.replace(/[\s().\-/]/g, "");
}

/** Whether it is a number in E.164 form. */
export function isNumber(tidied: string): boolean {
  return /^\+[1-9]\d{6,14}$/.test(tidied);
}
