import "./calls.css";
import type { ViewProps } from "..";
import { CallList } from "./CallList";
import { OneCall } from "./OneCall";

/** Calls that are over: `#/calls?q=…`, and one of them: `#/calls/ID`. */
export default function Calls({ rest, query }: ViewProps) {
  const [callId] = rest;
  return callId ? <OneCall key={callId} callId={callId} /> : <CallList query={query} />;
}
