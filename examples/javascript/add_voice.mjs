// Make a voice of 10 to 20 s of a person's speech, who has agreed to it in writing: see docs/voices.md.
// node add_voice.mjs ann ann.wav
import { readFileSync } from "node:fs";
import { ask } from "./bridge.mjs";

const [name, file] = process.argv.slice(2);
const form = new FormData();
form.set("name", name);
form.set("audio", new Blob([readFileSync(file)], { type: "audio/wav" }), "voice.wav");
form.set("language", "en");
form.set("consent", "true");
const response = await ask("/v1/voices", { method: "POST", body: form });
console.log(await response.json());
