// SPDX-License-Identifier: MIT
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  base: "./",
  plugins: [react()],
  // Otherwise the development server moves the JavaScript but not the .wasm file next to it.
  optimizeDeps: { exclude: ["nereid-lang"] },
  server: { headers }, // for threads
  preview: { headers },
});
