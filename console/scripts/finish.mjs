// After `vite build`: writes build.json, by which a test knows (without Node) that the built files belong to the sources.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const console_ = fileURLToPath(new URL("..", import.meta.url));
const built = join(console_, "..", "bridge", "assets", "console");
const roots = ["index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];

/** Every file of a folder, by its path with slashes, in order. */
function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort((a, b) => (a < b ? -1 : 1));
}

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const sources = [...roots, ...files(join(console_, "src")).map((path) => `src/${path}`)]
  .filter((path) => !path.endsWith(".test.ts"))
  .sort((a, b) => (a < b ? -1 : 1));
const lines = sources.map((path) => `${hash(readFileSync(join(console_, path)))}  ${path}\n`);
const outputs = files(built).filter((path) => path !== "build.json");
const report = {
  sources: hash(lines.join("")),
  files: Object.fromEntries(outputs.map((path) => [path, hash(readFileSync(join(built, path)))])),
};
writeFileSync(join(built, "build.json"), `${JSON.stringify(report, null, 1)}\n`);
