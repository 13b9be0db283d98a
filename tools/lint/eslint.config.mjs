// eslint looks for mistakes; prettier is responsible for style.
import js from "@eslint/js";
import ts from "typescript-eslint";

export default [
  { ignores: ["**/*.d.ts"] }, // some are written by the compiler
  js.configs.recommended,
  ...ts.configs.recommended,
  {
    languageOptions: {
      globals: Object.fromEntries(
        [
          "console",
          "process",
          "performance",
          "URL",
          "Worker",
          "document",
          "window",
          "navigator",
          "fetch",
          "WebAssembly",
          "self",
          "globalThis",
          "setTimeout",
          "clearTimeout",
          "requestAnimationFrame",
          "location",
          "localStorage",
          "SharedArrayBuffer",
          "TextDecoder",
          "TextEncoder",
          "Response",
          "Blob",
          "crypto",
          "structuredClone",
          "queueMicrotask",
          "Deno",
          "GPUBufferUsage",
          "GPUMapMode",
          "matchMedia",
          "addEventListener",
          "postMessage",
          "history",
          "setInterval",
          "clearInterval",
          "atob",
          "btoa",
          "CompressionStream",
          "DecompressionStream",
          "MessageChannel",
          "Buffer",
        ].map((name) => [name, "readonly"]),
      ),
    },
    rules: {
      "@typescript-eslint/no-explicit-any": "off", // for values from JSON and from GPUs
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "none" }],
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/triple-slash-reference": "off",
      "no-undef": "off", // TypeScript checks this
    },
  },
];
