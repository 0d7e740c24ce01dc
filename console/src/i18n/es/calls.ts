import type { Texts } from "../en";

export const calls: Texts["calls"] = {
  title: "Llamadas",
};
