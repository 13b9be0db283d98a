// SPDX-License-Identifier: MIT
// Language models with random weights, as GGUF files: tokens in Q8_0, matrices in Q4_1, with numbers around zero.

export interface Shape {
  layers: number;
  width: number;
  heads: number;
  kvHeads: number;
  feed: number;
  tokens: number;
}

export function randomModel({ layers, width, heads, kvHeads, feed, tokens }: Shape): Uint8Array {
  const encoder = new TextEncoder();
  const header: number[] = [];
  const integer = (value: number, bytes: number) => {
    for (let i = 0; i < bytes; ++i) header.push(Math.floor(value / 256 ** i) % 256);
  };
  const text = (value: string) => {
    const bytes = encoder.encode(value);
    integer(bytes.length, 8);
    header.push(...bytes);
  };
  const kv = (width / heads) * kvHeads;
  const shapes: [name: string, rows: number, depth: number, type: number][] = [["token_embd.weight", tokens, width, 8]];
  for (let i = 0; i < layers; ++i) {
    const rows = { attn_q: width, attn_k: kv, attn_v: kv, attn_output: width, ffn_gate: feed, ffn_up: feed, ffn_down: width };
    for (const name of ["attn_norm", "ffn_norm"]) shapes.push([`blk.${i}.${name}.weight`, 1, width, 0]);
    for (const [name, count] of Object.entries(rows))
      shapes.push([`blk.${i}.${name}.weight`, count, name === "ffn_down" ? feed : width, 3]);
  }
  shapes.push(["output_norm.weight", 1, width, 0]);
  const integers = {
    "llama.block_count": layers,
    "llama.context_length": 8192,
    "llama.embedding_length": width,
    "llama.feed_forward_length": feed,
    "llama.attention.head_count": heads,
    "llama.attention.head_count_kv": kvHeads,
    "tokenizer.ggml.eos_token_id": 2,
  };
  integer(0x46554747, 4);
  integer(3, 4);
  integer(shapes.length, 8);
  integer(Object.keys(integers).length + 6, 8);
  for (const [key, value] of Object.entries(integers)) {
    text(key);
    integer(4, 4);
    integer(value, 4);
  }
  for (const [key, value] of [
    ["llama.rope.freq_base", 1e5],
    ["llama.attention.layer_norm_rms_epsilon", 1e-5],
  ] as const) {
    text(key);
    integer(6, 4);
    header.push(...new Uint8Array(new Float32Array([value]).buffer));
  }
  text("general.architecture");
  integer(8, 4);
  text("llama");
  const words = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "\u010a",
    ..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\u0120?.,",
  ];
  while (words.length < tokens) words.push(`w${words.length}`);
  for (const [key, list] of [
    ["tokenizer.ggml.tokens", words.slice(0, tokens)],
    ["tokenizer.ggml.merges", []],
  ] as const) {
    text(key);
    integer(9, 4);
    integer(8, 4);
    integer(list.length, 8);
    for (const one of list) text(one);
  }
  text("tokenizer.ggml.token_type");
  integer(9, 4);
  integer(5, 4);
  integer(tokens, 8);
  for (let i = 0; i < tokens; ++i) integer(i < 3 ? 3 : 1, 4);
  const bytesOf = (rows: number, depth: number, type: number) => (type === 0 ? 4 * depth : (rows * depth * (type === 3 ? 20 : 34)) / 32);
  let offset = 0;
  for (const [name, rows, depth, type] of shapes) {
    text(name);
    integer(type === 0 ? 1 : 2, 4);
    integer(depth, 8);
    if (type !== 0) integer(rows, 8);
    integer(type, 4);
    integer(offset, 8);
    offset += Math.ceil(bytesOf(rows, depth, type) / 32) * 32;
  }
  const begin = Math.ceil(header.length / 32) * 32;
  const out = new Uint8Array(begin + offset);
  out.set(header);
  const view = new DataView(out.buffer);
  let state = 1;
  const next = () => (state = (state * 48271) % 2147483647);
  let at = begin;
  for (const [, rows, depth, type] of shapes) {
    const size = bytesOf(rows, depth, type);
    const group = type === 3 ? 20 : 34;
    if (type === 0) for (let i = 0; i < depth; ++i) view.setFloat32(at + 4 * i, 1, true);
    else
      for (let g = at; g < at + size; g += group) {
        view.setUint16(g, type === 3 ? 0x2c00 : 0x1000, true); // 2^-4, 2^-11
        if (type === 3) view.setUint16(g + 2, 0xb780, true); // -7.5 * 2^-4
        for (let i = type === 3 ? 4 : 2; i < group; ++i) out[g + i] = next() >> 8;
      }
    at += Math.ceil(size / 32) * 32;
  }
  return out;
}
