// What build.mjs makes: the worker's script as text, and the version of the compiler with a hash of its module.
declare module "nereid:compile-worker" {
  const text: string;
  export default text;
}
declare module "nereid:version" {
  const version: string;
  export default version;
}
