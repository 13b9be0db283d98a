// SPDX-License-Identifier: MIT
// Draws arrays and times.

// Seven colours of a perceptually uniform scale, dark to light.
const kScale = [
  [41, 24, 79],
  [56, 72, 133],
  [40, 116, 142],
  [33, 156, 137],
  [84, 192, 109],
  [170, 219, 70],
  [250, 231, 60],
];

function colour(t: number): [number, number, number] {
  const at = Math.max(0, Math.min(1, t)) * (kScale.length - 1);
  const i = Math.min(Math.floor(at), kScale.length - 2);
  return kScale[i]!.map((c, k) => c + (kScale[i + 1]![k]! - c) * (at - i)) as [number, number, number];
}

export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Partial<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const kDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false });
/** Four digits are enough. */
export const short = (x: number) =>
  Number.isFinite(x) && x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6)
    ? x.toExponential(2)
    : Number.isFinite(x)
      ? kDigits.format(x)
      : String(x);

const range = (values: ArrayLike<number>): [number, number] => {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; ++i) {
    const v = values[i]!;
    if (!Number.isFinite(v)) continue;
    low = Math.min(low, v);
    high = Math.max(high, v);
  }
  return low > high ? [0, 0] : [low, high];
};

/** A heat map of the last two axes, or a plot for one axis; with the range, and the element under the pointer. */
export function picture(values: ArrayLike<number>, shape: readonly number[]): HTMLElement {
  const [low, high] = range(values);
  const columns = shape.at(-1) ?? 1;
  const rows = columns ? values.length / columns : 0;
  const said = element("span", {}, "");
  const scale = element("div", { class: "scale" });
  const flat = rows <= 1;
  if (values.length === 0) return element("p", { class: "soft" }, "This array is empty.");
  const canvas = flat ? plot(values, low, high) : map(values, rows, columns, low, high);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${shape.join(" by ")} numbers from ${short(low)} to ${short(high)}`);
  canvas.onpointermove = (event) => {
    const box = canvas.getBoundingClientRect();
    const along = (size: number, at: number, length: number) => Math.max(0, Math.min(size - 1, Math.floor((at / length) * size)));
    const c = along(columns, event.clientX - box.left, box.width);
    const r = flat ? 0 : along(rows, event.clientY - box.top, box.height);
    said.textContent = `[${flat ? c : `${r}, ${c}`}] = ${short(values[r * columns + c]!)}`;
  };
  canvas.onpointerleave = () => (said.textContent = "");
  if (!flat) {
    const bar = element("canvas", { width: "64", height: "1" });
    for (let x = 0; x < 64; ++x) {
      const pen = bar.getContext("2d")!;
      pen.fillStyle = `rgb(${colour(x / 63).join()})`;
      pen.fillRect(x, 0, 1, 1);
    }
    scale.append(short(low), bar, short(high));
  }
  scale.append(said);
  return element("div", {}, canvas, scale);
}

function map(values: ArrayLike<number>, rows: number, columns: number, low: number, high: number): HTMLCanvasElement {
  // Larger arrays are sampled.
  const [w, h] = [Math.min(columns, 768), Math.min(rows, 512)];
  const canvas = element("canvas", { class: "map", width: String(w), height: String(h) });
  const shown = Math.max(0.12, Math.min(1, (rows / columns) * (rows / columns < 0.12 ? 4 : 1)));
  canvas.style.aspectRatio = `1 / ${shown}`;
  const pen = canvas.getContext("2d")!;
  const image = pen.createImageData(w, h);
  for (let y = 0; y < h; ++y)
    for (let x = 0; x < w; ++x) {
      const v = values[Math.floor((y * rows) / h) * columns + Math.floor((x * columns) / w)]!;
      // NaN is red.
      image.data.set(
        Number.isFinite(v) ? [...colour(high > low ? (v - low) / (high - low) : 0.5), 255] : [220, 50, 40, 255],
        4 * (y * w + x),
      );
    }
  pen.putImageData(image, 0, 0);
  return canvas;
}

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);

function crisp(kind: string, height: number): [HTMLCanvasElement, CanvasRenderingContext2D, number] {
  const [width, ratio] = [544, Math.min(2, globalThis.devicePixelRatio || 1)];
  const canvas = element("canvas", { class: kind, width: String(width * ratio), height: String(height * ratio) });
  const pen = canvas.getContext("2d")!;
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui";
  return [canvas, pen, width];
}

// The minimum and maximum in each column of the picture.
function plot(values: ArrayLike<number>, low: number, high: number): HTMLCanvasElement {
  const [canvas, pen, width] = crisp("plot", 200);
  const y = (v: number) => 185 - (high > low ? (v - low) / (high - low) : 0.5) * 170;
  pen.strokeStyle = css("--line");
  for (const at of [15, 185]) pen.strokeRect(0, at, width, 0);
  pen.strokeStyle = pen.fillStyle = css("--accent");
  pen.beginPath();
  const n = values.length;
  for (let x = 0; x < Math.min(n, width); ++x) {
    const part = Array.prototype.slice.call(
      values,
      Math.floor((x * n) / Math.min(n, width)),
      Math.max(Math.floor(((x + 1) * n) / Math.min(n, width)), 1),
    ) as number[];
    const [a, b] = range(part);
    const at = ((x + 0.5) * width) / Math.min(n, width);
    pen.lineTo(at, y(a));
    if (b > a) pen.lineTo(at, y(b));
  }
  pen.stroke();
  pen.fillStyle = css("--soft");
  pen.fillText(short(high), 2, 11);
  pen.fillText(short(low), 2, 198);
  return canvas;
}

/** Each measurement as a dot, a line at the median, and a band from the 10th to the 90th percentile. */
export function strip(times: number[], middle: number, p10: number, p90: number, unit: (us: number) => string): HTMLCanvasElement {
  const [canvas, pen, width] = crisp("strip", 42);
  const sorted = [...times].sort((a, b) => a - b);
  const [low, high] = [sorted[0]! * 0.97, Math.max(sorted[Math.floor(sorted.length * 0.98)]!, p90) * 1.03];
  const x = (t: number) => Math.min(width - 4, 4 + ((t - low) / (high - low || 1)) * (width - 8));
  pen.fillStyle = css("--line");
  pen.fillRect(x(p10), 4, Math.max(2, x(p90) - x(p10)), 20);
  pen.fillStyle = css("--accent");
  pen.globalAlpha = 0.55;
  times.forEach((t, i) => {
    pen.beginPath();
    pen.arc(x(t), 9 + ((i * 7) % 11), 2.2, 0, 7);
    pen.fill();
  });
  pen.globalAlpha = 1;
  pen.fillRect(x(middle) - 1, 2, 2, 24);
  pen.fillStyle = css("--soft");
  pen.fillText(unit(sorted[0]!), 2, 39);
  const last = unit(high);
  pen.fillText(last, width - pen.measureText(last).width - 2, 39);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${times.length} measurements around ${unit(middle)}`);
  return canvas;
}

/**
 * The kernel's rate relative to the peak rates of the device: the roof is the bandwidth limit and then the arithmetic limit, over
 * operations per byte; the kernel is a dot. Both axes are logarithmic.
 */
export function roofline(limits: { memory: number; arithmetic: number }, intensity: number, speed: number): HTMLCanvasElement {
  const [canvas, pen, width] = crisp("roof", 190);
  const [left, right, top, bottom] = [44, width - 12, 14, 158];
  const knee = limits.arithmetic / limits.memory;
  const log = Math.log10;
  const xs = [Math.min(0.1, intensity / 3, knee / 30), Math.max(knee * 30, intensity * 3)] as const;
  const ys = [Math.min(speed / 3, limits.arithmetic / 1000), Math.max(limits.arithmetic, speed) * 2] as const;
  const x = (v: number) => left + ((log(v) - log(xs[0])) / (log(xs[1]) - log(xs[0]))) * (right - left);
  const y = (v: number) => bottom - ((log(v) - log(ys[0])) / (log(ys[1]) - log(ys[0]))) * (bottom - top);
  pen.strokeStyle = css("--line");
  pen.fillStyle = css("--soft");
  pen.lineWidth = 1;
  pen.beginPath();
  for (let p = Math.ceil(log(ys[0])); p <= log(ys[1]); ++p) {
    pen.moveTo(left, y(10 ** p));
    pen.lineTo(right, y(10 ** p));
    const text = short(10 ** p);
    pen.fillText(text, left - 6 - pen.measureText(text).width, y(10 ** p) + 4);
  }
  for (let p = Math.ceil(log(xs[0])); p <= log(xs[1]); ++p) {
    pen.moveTo(x(10 ** p), top);
    pen.lineTo(x(10 ** p), bottom);
    const text = short(10 ** p);
    pen.fillText(text, x(10 ** p) - pen.measureText(text).width / 2, bottom + 14);
  }
  pen.stroke();
  pen.fillText("GFLOP/s", 0, 10);
  const axis = "operations per byte";
  pen.fillText(axis, right - pen.measureText(axis).width, bottom + 29);
  // The roof.
  pen.save();
  pen.beginPath();
  pen.rect(left, top, right - left, bottom - top);
  pen.clip();
  pen.strokeStyle = css("--soft");
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x(xs[0]), y(xs[0] * limits.memory));
  pen.lineTo(x(knee), y(limits.arithmetic));
  pen.lineTo(x(xs[1]), y(limits.arithmetic));
  pen.stroke();
  // From the kernel up to the roof.
  const roof = Math.min(limits.arithmetic, intensity * limits.memory);
  pen.setLineDash([2, 3]);
  pen.beginPath();
  pen.moveTo(x(intensity), y(speed));
  pen.lineTo(x(intensity), y(roof));
  pen.stroke();
  pen.restore();
  pen.fillStyle = css("--accent");
  pen.beginPath();
  pen.arc(x(intensity), y(speed), 4.5, 0, 7);
  pen.fill();
  canvas.setAttribute("role", "img");
  canvas.setAttribute(
    "aria-label",
    `${short(speed)} GFLOP/s at ${short(intensity)} operations per byte; the limit of this device is ${short(roof)}`,
  );
  return canvas;
}
