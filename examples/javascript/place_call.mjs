// Have a persona call somebody.  node place_call.mjs +12025550143 bakery
import { json } from "./bridge.mjs";

const [to, persona] = process.argv.slice(2);
const call = await json("/v1/calls", { to, persona });
console.log(`${call.call_id}: ${call.persona} calls ${call.to} from ${call.from}`);
