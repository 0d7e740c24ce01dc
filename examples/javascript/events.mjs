// What happens in the house, as it happens; or in one call, to its end.  node events.mjs [CALL_ID]
import { events } from "./bridge.mjs";

const call = process.argv[2];
for await (const { kind, data } of events(call ? `/v1/calls/${encodeURIComponent(call)}/events` : "/v1/events")) {
  if (kind !== "levels") console.log(kind, JSON.stringify(data));
}
