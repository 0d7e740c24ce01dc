// Which voices are there, your own first?  node voices.mjs
import { json } from "./bridge.mjs";

const { voices } = await json("/v1/voices");
for (const voice of voices) {
  console.log(voice.name, voice.type, voice.category, voice.available ? "" : "(not downloaded)");
}
