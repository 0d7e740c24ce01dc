export const voices = {
  title: "Voices",
};
