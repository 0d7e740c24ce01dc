// A recording in, the answer out.  node speech.mjs dental ../question.wav answer.wav
import { readFileSync, writeFileSync } from "node:fs";
import { ask } from "./bridge.mjs";

const [persona, wavIn, wavOut] = process.argv.slice(2);
const form = new FormData();
form.set("audio", new Blob([readFileSync(wavIn)], { type: "audio/wav" }), "question.wav");
form.set("persona", persona);
form.set("seed", "42");
const response = await ask("/v1/audio/speech", { method: "POST", body: form });
writeFileSync(wavOut, Buffer.from(await response.arrayBuffer()));
console.log(JSON.parse(response.headers.get("X-Transcript")));
