// Raw sound both ways, at 24 kHz.  node conversation.mjs dental ../question.wav answer.wav
import { play, readWav, socket, writeWav } from "./bridge.mjs";

const [persona, wavIn, wavOut] = process.argv.slice(2);
const answer = [];
const opened = await socket("/ws/conversation");
opened.onmessage = ({ data }) => (typeof data === "string" ? console.log(data) : answer.push(data));
opened.onclose = () => writeWav(wavOut, answer);
opened.send(JSON.stringify({ persona }));
await play(opened, readWav(wavIn));
await play(opened, new Int16Array(2 * 24000)); // listens for two seconds more
opened.close(1000);
