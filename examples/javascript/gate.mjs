// What does the topic gate of a persona make of some words?  node gate.mjs dental "Take two ibuprofen."
import { json } from "./bridge.mjs";

const [persona, text] = process.argv.slice(2);
const told = await json("/v1/gate/try", { persona, text, speaker: "agent" });
for (const piece of told.pieces) console.log(piece.action, piece.piece);
console.log(`heard: ${told.heard}`);
console.log(`refusal: ${told.refusal || "none"}`);
