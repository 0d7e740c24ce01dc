// List, check, write, change and delete a persona.  node personas.mjs example-bakery
import { ask, json } from "./bridge.mjs";

const name = process.argv[2] ?? "example-bakery";
const path = `/v1/personas/${encodeURIComponent(name)}`;
const write = (text, condition) =>
  json(path, undefined, { method: "PUT", body: text, headers: { "Content-Type": "text/yaml", ...condition } });

for (const persona of await json("/v1/personas")) console.log(persona.name, persona.business, persona.problems.length);

const text = await (await ask(`/v1/personas/template?name=${encodeURIComponent(name)}`)).text();
const told = await json("/v1/personas/check", { name, yaml: text.replace("business:", "busines:") });
for (const problem of told.problems) console.log(`  line ${problem.line}: ${problem.where} ${problem.what} (${problem.hint})`);

await write(text, { "If-None-Match": "*" }); // a new one: refused where there is one of that name
let file = await json(path);
console.log(`written; its prompt takes ${file.cost.seconds} s`);
await write(`${file.yaml}\n# Changed over the API.\n`, { "If-Match": file.etag });
file = await json(path);
await ask(path, { method: "DELETE", headers: { "If-Match": file.etag } });
