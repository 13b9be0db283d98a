// What build.mjs makes of worker.ts: one script, minified.
declare module "nereid:worker" {
  const source: string;
  export default source;
}
