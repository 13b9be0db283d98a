// SPDX-License-Identifier: MIT
// Light or dark colours: those of the system until the button is used.

const kKey = "recall-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function startTheme(button: HTMLButtonElement): void {
  const apply = () => {
    const dark = (localStorage.getItem(kKey) ?? (system.matches ? "dark" : "light")) === "dark";
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
  };
  button.onclick = () => {
    localStorage.setItem(kKey, button.getAttribute("aria-pressed") === "true" ? "light" : "dark");
    apply();
  };
  system.onchange = apply;
  apply();
}
