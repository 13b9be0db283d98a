// SPDX-License-Identifier: MIT
// Waits until the page's service worker answers: that makes it work offline, and adds the headers that threads need on hosts without them.

export async function controlled(): Promise<void> {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  try {
    await serviceWorker.register("service-worker.js");
    await serviceWorker.ready;
    if (!serviceWorker.controller)
      await new Promise((resolve) => {
        serviceWorker.addEventListener("controllerchange", resolve, { once: true });
        setTimeout(resolve, 3000);
      });
  } catch {
    return; // storage is forbidden: the page works online
  }
  // Only a page that the service worker answered is isolated.
  if (!globalThis.crossOriginIsolated && serviceWorker.controller && !sessionStorage.getItem("reloaded")) {
    sessionStorage.setItem("reloaded", "1");
    location.reload();
    await new Promise(() => {});
  }
  sessionStorage.removeItem("reloaded");
}
