import "./personas.css";
import type { ViewProps } from "..";
import { Editor } from "./Editor";
import { List } from "./List";

export default function Personas({ rest }: ViewProps) {
  const name = rest[0];
  return name ? <Editor key={name} name={name} /> : <List />;
}
