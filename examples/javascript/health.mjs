// How is the bridge? No key is needed.  node health.mjs
import { json } from "./bridge.mjs";

const health = await json("/health", undefined, { also: [503] });
console.log(`${health.status}: ${health.engine} engine, ${health.calls} of ${health.capacity} calls`);
