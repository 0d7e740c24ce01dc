// The protocol of the public model server, with an Ogg-Opus file for a voice.
// node chat.mjs "You enjoy having a good conversation." ../question.ogg answer.ogg
import { readFileSync, writeFileSync } from "node:fs";
import { sleep, socket } from "./bridge.mjs";

const [prompt, oggIn, oggOut] = process.argv.slice(2);
const [HANDSHAKE, AUDIO, TEXT] = [0, 1, 2];
const PIECE = 500; // bytes of Opus every 80 ms: about as fast as it is spoken
const question = readFileSync(oggIn);
const answer = [];
const opened = await socket(`/api/chat?${new URLSearchParams({ text_prompt: prompt, voice_prompt: "NATF2.pt", seed: "42" })}`);
opened.onmessage = ({ data }) => {
  const message = Buffer.from(data);
  if (message[0] === HANDSHAKE) console.log("the agent is there");
  if (message[0] === AUDIO) answer.push(message.subarray(1));
  if (message[0] === TEXT) process.stdout.write(message.toString("utf8", 1));
};
opened.onclose = () => writeFileSync(oggOut, Buffer.concat(answer));
for (let place = 0; place < question.length; place += PIECE) {
  opened.send(Buffer.concat([Buffer.from([AUDIO]), question.subarray(place, place + PIECE)]));
  await sleep(80);
}
await sleep(2000);
opened.close(1000);
