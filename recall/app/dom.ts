// SPDX-License-Identifier: MIT
// Elements of the page, and numbers as texts.

export const $ = <T extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as T;

type Child = Node | string | false | undefined;
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const out = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name in out) (out as any)[name] = value;
    else out.setAttribute(name, String(value));
  out.append(...children.filter((child): child is Node | string => child !== undefined && child !== false));
  return out;
}

export const number = new Intl.NumberFormat();
export const plural = (n: number, noun: string) => `${number.format(n)} ${noun}${n === 1 ? "" : "s"}`;
export const bytes = (n: number) =>
  n < 1e6 ? `${Math.ceil(n / 1e3)} kB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`;
