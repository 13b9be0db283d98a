// SPDX-License-Identifier: MIT
declare module "*.py" {
  const text: string;
  export default text;
}
declare module "playground:names" {
  /** What `tl` and `libdevice` have, of the compiler's own tables: names and parameters. */
  const names: Record<"tl" | "libdevice", { name: string; parameters: string }[]>;
  export default names;
}
