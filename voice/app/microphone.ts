// SPDX-License-Identifier: MIT
// Samples of a microphone and of files, 16,000 per second: the browser decodes and resamples.

export const kRate = 16000;

/** The sound of a file, as one channel. */
export async function decodeFile(file: Blob): Promise<Float32Array> {
  const context = new OfflineAudioContext(1, 1, kRate);
  const audio = await context.decodeAudioData(await file.arrayBuffer()).catch(() => {
    throw new Error(`the browser cannot decode ${(file as File).name ?? "this file"}`);
  });
  const out = new Float32Array(audio.length);
  for (let c = 0; c < audio.numberOfChannels; ++c) {
    const channel = audio.getChannelData(c);
    for (let i = 0; i < out.length; ++i) out[i]! += channel[i]! / audio.numberOfChannels;
  }
  return out;
}

/** Records until `stop` is called; `samples` receives a tenth of a second at a time. */
export async function record(samples: (part: Float32Array) => void): Promise<{ stop(): Promise<void> }> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
  const context = new AudioContext({ sampleRate: kRate });
  try {
    await context.audioWorklet.addModule("microphone-worklet.js");
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
    throw error;
  }
  const source = context.createMediaStreamSource(stream);
  const node = new AudioWorkletNode(context, "collector", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => samples(data as Float32Array);
  source.connect(node);
  return {
    async stop() {
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
      await context.close();
    },
  };
}
