// SPDX-License-Identifier: MIT
// Speech to text, and a small language model, on kernels compiled by Nereid.
export { readWav, resample } from "./audio.ts";
export { kRate, type Segment, type TranscribeOptions, type Transcript, Whisper } from "./whisper.ts";
export { Conversation, type GenerateOptions, LanguageModel, type LanguageOptions, type Message } from "./language.ts";
export { Activity, Live, type LiveEvents } from "./live.ts";
export { Session } from "./session.ts";
