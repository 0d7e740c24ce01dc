import type { Texts } from "../en";

export const voices: Texts["voices"] = {
  title: "Voces",
};
