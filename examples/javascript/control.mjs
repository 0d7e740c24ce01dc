// Put the caller of a call that goes on through to a person, or hang up.  node control.mjs CALL_ID transfer|hangup
import { json } from "./bridge.mjs";

const [call, what] = process.argv.slice(2);
const say = what === "transfer" ? "One moment, please." : "We are closing now. Goodbye.";
console.log(await json(`/v1/calls/${encodeURIComponent(call)}/${what}`, { say }));
