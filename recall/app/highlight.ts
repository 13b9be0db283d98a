// SPDX-License-Identifier: MIT
// Which parts of a text to mark for a query: words with the same stem.

const kWord = /[\p{L}\p{N}]+(?:['’][\p{L}]+)?/gu;
const kCommon = new Set(
  "a an and are as at be but by did do does for from had has have he her his how i if in is it its me my no not of on or our she so than that the their them then there they this to us was we were what when where which who why will with you your".split(
    " ",
  ),
);

/** The part of a word that its forms share; only as good as needed for marks. */
export function stem(word: string): string {
  const lower = word.toLowerCase().replace(/['’]\p{L}+$/u, "");
  if (lower.length < 5) return lower.replace(/(?<=..)[es]$/, "");
  return lower.replace(/(?<=...)(ings?|edly|ed|ies|es|ers?|ly|s|e|y)$/, "").replace(/([^aeiouls])\1$/, "$1");
}

/** Begin and end of the words of a text that the query has, too. */
export function marks(text: string, query: string): [number, number][] {
  const wanted = new Set([...query.matchAll(kWord)].filter(([word]) => !kCommon.has(word.toLowerCase())).map(([word]) => stem(word)));
  if (wanted.size === 0) return [];
  return [...text.matchAll(kWord)].flatMap(({ 0: word, index }): [number, number][] =>
    !kCommon.has(word.toLowerCase()) && wanted.has(stem(word)) ? [[index, index + word.length]] : [],
  );
}

/** Begin and end of the sentences of a text. */
export function sentences(text: string): [number, number][] {
  return [...text.matchAll(/[^\s][^\n]*?(?:[.!?…。！？]+(?=\s|$)|(?=\n|$))/g)].map(({ 0: found, index }) => [index, index + found.length]);
}
