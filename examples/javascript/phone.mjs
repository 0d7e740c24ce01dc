// Call a persona as the console's phone does, with a recording for a voice.
// node phone.mjs dental ../question.wav answer.wav
import { play, readWav, socket, writeWav } from "./bridge.mjs";

const [persona, wavIn, wavOut] = process.argv.slice(2);
const question = readWav(wavIn);
const answer = [];
const opened = await socket("/v1/phone");
const tell = (message) => opened.send(JSON.stringify(message));
const talk = async () => {
  await play(opened, question);
  await play(opened, new Int16Array(2 * 24000)); // listens for two seconds more
  if (opened.readyState === WebSocket.OPEN) tell({ type: "hangup" });
};
opened.onmessage = ({ data }) => {
  if (typeof data !== "string") return answer.push(data);
  const message = JSON.parse(data);
  if (message.type === "mark") return tell(message); // what was sent before it has been played: in a file, at once
  console.log(data);
  if (message.type === "started") talk();
};
opened.onclose = ({ code, reason }) => {
  writeWav(wavOut, answer);
  if (code !== 1000) console.error(code, reason);
  process.exitCode = code === 1000 ? 0 : 1;
};
tell({ type: "start", persona, format: "pcm24", record: false });
