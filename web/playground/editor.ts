// SPDX-License-Identifier: MIT
// The editor for the source, and the view of a stage.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  type CompletionContext,
  completionKeymap,
  type CompletionResult,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic as Mark, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import names from "playground:names";
import type { Diagnostic } from "../src/compile/engine.ts";

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword], color: "var(--keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--number)" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.meta, tags.typeName], color: "var(--name)" },
  { tag: [tags.comment], color: "var(--comment)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13.5px", color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "0.6rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--raised)", color: "var(--comment)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--line) 35%, transparent)" },
  ".cm-linked, &.cm-focused .cm-linked.cm-activeLine": { backgroundColor: "var(--mark)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent) !important",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--mark)" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    border: "1px solid var(--line)",
    borderRadius: "6px",
    overflow: "hidden",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { opacity: 0.7, fontStyle: "normal" },
  ".cm-diagnostic": { borderLeft: "3px solid var(--wrong)", padding: "0.35rem 0.7rem", maxWidth: "36rem", whiteSpace: "pre-wrap" },
});

const setLinked = StateEffect.define<number[]>();
const linked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, change) {
    for (const effect of change.effects) {
      if (!effect.is(setLinked)) continue;
      const lines = effect.value.filter((n) => n >= 1 && n <= change.state.doc.lines).sort((a, b) => a - b);
      return Decoration.set(lines.map((n) => Decoration.line({ class: "cm-linked" }).range(change.state.doc.line(n).from)));
    }
    return marks.map(change.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Marks these lines only. */
export function link(view: EditorView, lines: number[], scroll = false): void {
  view.dispatch({ effects: setLinked.of(lines) });
  if (!scroll || lines[0] === undefined || lines[0] > view.state.doc.lines) return;
  const { top, bottom } = view.lineBlockAt(view.state.doc.line(lines[0]).from);
  const { scrollTop, clientHeight } = view.scrollDOM;
  if (top < scrollTop || bottom > scrollTop + clientHeight) view.scrollDOM.scrollTop = top - clientHeight / 3;
}

/** Reports the line under the pointer, 0 for none. */
const onHover = (hover: (line: number) => void) => {
  let last = 0;
  const tell = (line: number) => line !== last && hover((last = line));
  return EditorView.domEventHandlers({
    mousemove(event, view) {
      const at = view.posAtCoords({ x: event.clientX, y: event.clientY });
      tell(at === null ? 0 : view.state.doc.lineAt(at).number);
    },
    mouseleave: () => tell(0),
  });
};

const kTypes =
  "constexpr dtype float64 float32 float16 bfloat16 float8e4nv float8e5 int64 int32 int16 int8 int1 uint64 uint32 uint16 uint8 uint1 tensor pointer_type";
const kTriton = { jit: "function", cdiv: "x div", next_power_of_2: "n", autotune: "configs key", heuristics: "values", Config: "kwargs" };
const functions = (module: "tl" | "libdevice") =>
  names[module].map(({ name, parameters }) => ({ label: name, type: "function", detail: `(${parameters})` }));
const options = {
  libdevice: functions("libdevice"),
  tl: [...functions("tl"), ...kTypes.split(" ").map((label) => ({ label, type: "type" }))],
  triton: Object.entries(kTriton).map(([label, detail]) => ({ label, type: "function", detail: `(${detail})` })),
};

// Completions after `tl.`, `libdevice.` and `triton.`; the language package completes Python's keywords.
function complete(context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/\b(tl|triton|libdevice)\.\w*/);
  if (!word) return null;
  const [module, rest] = word.text.split(".") as [keyof typeof options, string];
  return { from: word.to - rest.length, options: options[module], validFor: /^\w*$/ };
}

export function sourceEditor(parent: HTMLElement, events: { change(): void; run(): void; hover(line: number): void }): EditorView {
  const language = python();
  return new EditorView({
    parent,
    state: EditorState.create({
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        indentOnInput(),
        indentUnit.of("    "),
        bracketMatching(),
        closeBrackets(),
        highlightActiveLine(),
        lintGutter(),
        autocompletion(),
        language,
        language.language.data.of({ autocomplete: complete }),
        syntaxHighlighting(colours),
        look,
        linked,
        keymap.of([
          { key: "Mod-Enter", run: () => (events.run(), true) },
          ...closeBracketsKeymap,
          ...completionKeymap,
          ...lintKeymap,
          ...historyKeymap,
          ...defaultKeymap,
          indentWithTab,
        ]),
        EditorView.updateListener.of((update) => update.docChanged && events.change()),
        EditorView.contentAttributes.of({ "aria-label": "Triton source", spellcheck: "false", autocapitalize: "off", autocorrect: "off" }),
        onHover(events.hover),
      ],
    }),
  });
}

// All stages are similar enough for one grammar: comments, strings, numbers, %names and operations.
const stages = StreamLanguage.define<null>({
  startState: () => null,
  token(stream) {
    if (stream.match(/;;.*|\/\/.*/)) return "comment";
    if (stream.match(/"(?:[^"\\]|\\.)*"/)) return "string";
    if (stream.match(/[%@$!#][\w.$-]+/)) return "typeName";
    if (stream.match(/-?\b(?:0x[\dA-Fa-f]+|\d[\d.]*(?:e[-+]?\d+)?)\b/)) return "number";
    if (
      stream.match(/\b[a-z]\w*\.[\w.]+/) ||
      stream.match(
        /\b(?:module|func|param|result|local|loop|block|if|else|end|br|br_if|import|export|type|fn|let|var|for|while|return|struct|nest|buffer|loops|loads|reads|writes|scratch|schedule)\b/,
      )
    )
      return "keyword";
    if (!stream.match(/\w+/)) stream.next();
    return null;
  },
});

export function stageView(parent: HTMLElement, hover: (line: number) => void): EditorView {
  return new EditorView({
    parent,
    state: EditorState.create({
      extensions: [
        lineNumbers(),
        drawSelection(),
        EditorState.readOnly.of(true),
        stages,
        syntaxHighlighting(colours),
        look,
        linked,
        EditorView.contentAttributes.of({ "aria-label": "Text of the stage" }),
        keymap.of(defaultKeymap),
        onHover(hover),
      ],
    }),
  });
}

export function setText(view: EditorView, text: string): void {
  if (view.state.doc.toString() !== text) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
}

// Columns count bytes of UTF-8.
function characters(line: string, bytes: number): number {
  let at = 0;
  for (const c of line) {
    if (bytes <= 0) break;
    bytes -= new TextEncoder().encode(c).length;
    at += c.length;
  }
  return at;
}

/** Underlines the compiler's messages; those without a location are shown at the first line. */
export function underline(view: EditorView, diagnostics: readonly Diagnostic[], file: string): void {
  const { doc } = view.state;
  const marks = diagnostics.map((d): Mark => {
    const place = [d, ...d.labels].find((p) => p.file === file && p.line !== undefined && p.line <= doc.lines);
    const message = `${d.text}${d.hint ? `\n${d.hint}` : ""}`;
    if (!place) return { from: 0, to: doc.line(1).to, severity: "error", message };
    const line = doc.line(place.line!);
    const from = line.from + characters(line.text, (place.column ?? 1) - 1);
    const to = Math.min(line.to, Math.max(from + 1, line.from + characters(line.text, (place.column ?? 1) - 1 + (place.length ?? 1))));
    return { from: Math.min(from, line.to), to, severity: "error", message };
  });
  view.dispatch(setDiagnostics(view.state, marks));
}
