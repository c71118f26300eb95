import { defineConfig } from "vite";

// Everything becomes a file of its own: the server's content policy allows nothing inline. All URLs are
// relative to the page's, since the server may be below a path of another one (--base-path).
export default defineConfig({
  base: "./",
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: { proxy: { "/api": "http://127.0.0.1:8501" } },
});
