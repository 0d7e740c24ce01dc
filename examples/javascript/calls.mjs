// The latest calls, and all of the newest: transcript, and recording if there is one.  node calls.mjs
import { writeFileSync } from "node:fs";
import { ask, json } from "./bridge.mjs";

const { calls } = await json("/v1/calls?limit=5");
for (const call of calls) console.log(call.call_id, call.started_at, call.persona, call.ended);
if (calls.length) {
  const path = `/v1/calls/${calls[0].call_id}`;
  console.log(await (await ask(`${path}/transcript.txt`)).text());
  const recording = await ask(`${path}/recording.wav`, { also: [404] });
  if (recording.ok) writeFileSync(`${calls[0].call_id}.wav`, Buffer.from(await recording.arrayBuffer()));
}
