// SPDX-License-Identifier: MIT
// Source and settings in the fragment of an address (after `#`), compressed.
import type { Settings } from "./settings.ts";

export interface State {
  source: string;
  settings: Settings;
  /** The gallery kernel from which it was derived. */
  from?: string;
}

const through = async (bytes: Uint8Array<ArrayBuffer>, stream: GenericTransformStream) =>
  new Uint8Array(
    await new Response(
      new Blob([bytes]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>),
    ).arrayBuffer(),
  );

export async function pack(state: State): Promise<string> {
  const bytes = await through(new TextEncoder().encode(JSON.stringify(state)), new CompressionStream("deflate-raw"));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Decodes the result of `pack`; throws for any other text. */
export async function unpack(text: string): Promise<State> {
  const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const state = JSON.parse(new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw"))));
  const texts = (o: unknown) => typeof o === "object" && o !== null && Object.values(o).every((v) => typeof v === "string");
  const { source, settings, from } = state;
  if (typeof source !== "string" || typeof settings?.grid !== "string" || !texts(settings.sizes) || !texts(settings.args))
    throw new Error("it does not contain a kernel");
  const { sizes, args, grid, flops, kernel } = settings;
  return {
    source,
    settings: { sizes, args, grid, ...(typeof flops === "string" && { flops }), ...(typeof kernel === "string" && { kernel }) },
    ...(typeof from === "string" && { from }),
  };
}
