import type { Texts } from "../en";

export const health: Texts["health"] = {
  title: "Estado",
};
