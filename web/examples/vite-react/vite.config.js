// SPDX-License-Identifier: MIT
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  base: "./",
  plugins: [react()],
  // The development server would copy the package away from its .wasm file.
  optimizeDeps: { exclude: ["nereid-lang"] },
  server: { headers }, // for threads
  preview: { headers },
});
