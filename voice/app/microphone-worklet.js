// SPDX-License-Identifier: MIT
// Collects samples, and posts 1600 at a time.
class Collector extends AudioWorkletProcessor {
  samples = new Float32Array(1600);
  count = 0;

  process([[channel]]) {
    for (const x of channel ?? []) {
      this.samples[this.count++] = x;
      if (this.count < this.samples.length) continue;
      this.port.postMessage(this.samples, [this.samples.buffer]);
      this.samples = new Float32Array(1600);
      this.count = 0;
    }
    return true;
  }
}
registerProcessor("collector", Collector);
