// Listen in to a call that goes on, and keep what was heard.  node listen.mjs CALL_ID heard.wav
import { socket, writeWav } from "./bridge.mjs";

const [call, file] = process.argv.slice(2);
const heard = [];
let format;
const opened = await socket(`/v1/calls/${encodeURIComponent(call)}/listen`);
opened.onmessage = ({ data }) => (typeof data === "string" ? (format = JSON.parse(data)) : heard.push(data));
opened.onclose = () => writeWav(file, heard, format.rate, format.channels); // the caller on the left
