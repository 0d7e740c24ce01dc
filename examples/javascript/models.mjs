// Which models are there, and what can this machine hold?  node models.mjs
import { json } from "./bridge.mjs";

for (const model of await json("/v1/models")) console.log(model.name, model.status, `${model.expectedSizeMb} MB`);
console.log(await json("/v1/machine"));
