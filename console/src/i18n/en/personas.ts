export const personas = {
  title: "Personas",
};
