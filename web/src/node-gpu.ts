// SPDX-License-Identifier: MIT
// WebGPU in Node: Dawn, from the npm package `webgpu`. It uses the machine's GPU, or, without one, the SwiftShader that comes with
// Chromium.
import { existsSync, readdirSync } from "node:fs";
import { open } from "./webgpu.ts";

// Timestamps that are not rounded, features that are not final, and f16 on NVIDIA drivers for which Dawn disables it.
const kFlags = ["enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia", "disable-dawn-features=timestamp_quantization"];
const kBrowsers = [
  "/usr/lib/chromium",
  "/usr/lib64/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
  "/opt/chromium.org/chromium",
];
const kDrivers = ["/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/local/etc/vulkan/icd.d"];

async function create(): Promise<() => GPU> {
  // Not a dependency of the package: only the runner and the tests use it.
  const { create } = (await import("webgpu" as string)) as { create(flags: string[]): GPU };
  return () => create(kFlags);
}

let found: Promise<GPU | undefined> | undefined;

/** Provides adapters here; undefined without the package. */
export function nodeGpu(): Promise<GPU | undefined> {
  return (found ??= (async () => {
    const make = await create().catch(() => undefined);
    if (!make) return undefined;
    if (process.platform !== "linux" || process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) return make();
    const own = kDrivers.some((folder) => existsSync(folder) && readdirSync(folder).some((name) => name.endsWith(".json")));
    const gpu = own ? make() : undefined;
    if (gpu && (await gpu.requestAdapter())) return gpu;
    const driver = kBrowsers.map((folder) => `${folder}/vk_swiftshader_icd.json`).find(existsSync);
    if (driver) process.env.VK_DRIVER_FILES = driver;
    return driver || !gpu ? make() : gpu;
  })());
}

/** The GPU and its features in one line, or `error` and why there is none. */
export async function describeGpu(): Promise<string> {
  try {
    const gpu = await nodeGpu();
    if (!gpu) return "error the npm package `webgpu` is not installed";
    const { info, features, limits } = await open({ gpu });
    const name = info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(" ") || "a GPU without a name";
    const { subgroupMinSize: least, subgroupMaxSize: most } = info;
    const has = [...features]
      .filter((f) => f !== "core-features-and-limits")
      .map((f) => (f === "subgroups" && most ? `subgroups of ${least === most ? most : `${least} to ${most}`}` : f));
    return [
      `${name}${info.isFallbackAdapter ? " (emulated)" : ""}`,
      ...has.sort(),
      `${limits.maxComputeWorkgroupStorageSize >> 10} KiB of workgroup memory`,
    ].join(", ");
  } catch (error) {
    return `error ${(error as Error).message}`;
  }
}
