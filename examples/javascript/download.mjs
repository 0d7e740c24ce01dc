// Download a model, with progress; it goes on where it stopped.  node download.mjs personaplex-7b-v1
import { events } from "./bridge.mjs";

const name = encodeURIComponent(process.argv[2]);
for await (const { data } of events(`/v1/models/${name}/download`, { method: "POST" })) {
  if (data.state === "failed") {
    console.error(data.error, data.advice ?? "");
    process.exit(1);
  }
  console.log(`${data.state} ${data.file ?? ""}: ${(data.have / 1e6).toFixed(1)} of ${(data.total / 1e6).toFixed(1)} MB`);
}
