// SPDX-License-Identifier: MIT
// Byte-level byte pair encoding, as GPT-2's: texts to tokens and back.

// Vocabularies write each byte as a printable character.
const kCharacters: string[] = [];
const kBytes = new Map<string, number>();
for (let byte = 0, other = 256; byte < 256; ++byte) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  kCharacters.push(String.fromCodePoint(printable ? byte : other++));
  kBytes.set(kCharacters[byte]!, byte);
}

const kWords = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

export interface BpeOptions {
  /** All tokens, by id. */
  tokens: readonly string[];
  /** Pairs that are joined, first ones first: "a b". Without them, only tokens can become text. */
  merges?: readonly string[];
  /** Ids of tokens that are not text, such as "<|im_end|>". */
  special?: readonly number[];
  /** Each digit is a word. Default: false. */
  digits?: boolean;
}

/** Turns texts into tokens, and tokens into texts. */
export class Bpe {
  readonly tokens: readonly string[];
  readonly special: ReadonlySet<number>;
  readonly #ids: Map<string, number>;
  readonly #ranks: Map<string, number>;
  readonly #digits: boolean;
  readonly #known = new Map<string, readonly number[]>(); // words

  constructor({ tokens, merges = [], special = [], digits = false }: BpeOptions) {
    this.tokens = tokens;
    this.special = new Set(special);
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
    this.#ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    this.#digits = digits;
  }

  /** The id of a token, as the vocabulary writes it. */
  id(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** The tokens of a text. Special tokens are text like any other here. */
  encode(text: string): number[] {
    const parts = this.#digits ? text.split(/(\p{N})/u) : [text];
    return parts.flatMap((part) => (part.match(kWords) ?? []).flatMap((word) => this.#word(word)));
  }

  #word(word: string): readonly number[] {
    const found = this.#known.get(word);
    if (found) return found;
    let parts = Array.from(new TextEncoder().encode(word), (byte) => kCharacters[byte]!);
    for (;;) {
      let [best, rank] = [-1, Infinity];
      for (let i = 0; i + 1 < parts.length; ++i) {
        const own = this.#ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Infinity;
        if (own < rank) [best, rank] = [i, own];
      }
      if (best < 0) break;
      // Everywhere in the word.
      const [a, b] = [parts[best]!, parts[best + 1]!];
      const next: string[] = [];
      for (let i = 0; i < parts.length; ++i) next.push(parts[i] === a && parts[i + 1] === b ? (++i, a + b) : parts[i]!);
      parts = next;
    }
    const ids = parts.flatMap((part) => this.#ids.get(part) ?? []);
    if (this.#known.size < 10000) this.#known.set(word, ids);
    return ids;
  }

  /** The bytes of a token, which may be a part of a character; none for a special one. */
  bytes(token: number): Uint8Array<ArrayBuffer> {
    const text = this.special.has(token) ? "" : (this.tokens[token] ?? "");
    return Uint8Array.from(text, (c) => kBytes.get(c) ?? 63);
  }

  /** The text of tokens, without special ones. */
  decode(tokens: readonly number[]): string {
    const decoder = new TextDecoder();
    return tokens.map((token) => decoder.decode(this.bytes(token), { stream: true })).join("") + decoder.decode();
  }
}
