// SPDX-License-Identifier: MIT
declare module "*.py" {
  const text: string;
  export default text;
}
declare module "playground:names" {
  /** Functions of `tl` and `libdevice` from the compiler's tables: names and parameters. */
  const names: Record<"tl" | "libdevice", { name: string; parameters: string }[]>;
  export default names;
}
