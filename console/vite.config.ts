import { defineConfig } from "vitest/config";

// `npm run dev` shows the page on a port of its own and asks a running server for everything else.
const server = process.env.CALLBRIDGE ?? "http://127.0.0.1:8080";
const proxied = ["/v1", "/api", "/ws", "/health", "/metrics", "/openapi.json"];

export default defineConfig({
  base: "./", // the server may lie under a path of its own: PUBLIC_URL=https://example.com/bridge
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    outDir: "../bridge/assets/console",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0, // the page's policy allows no data: addresses
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: {
    host: "127.0.0.1",
    // Our own origin is what the server expects of a request that changes something.
    proxy: Object.fromEntries(
      proxied.map((path) => [path, { target: server, ws: true, changeOrigin: true, headers: { origin: server } }]),
    ),
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
