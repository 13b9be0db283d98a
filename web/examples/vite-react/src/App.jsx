// SPDX-License-Identifier: MIT
import { open } from "nereid-lang";
import { jit } from "nereid-lang/compile";
import { useEffect, useState } from "react";
import source from "./softmax.py?raw";

const device = open({ device: "wasm" });
const softmax = device.then((device) => jit(source, { device, path: "softmax.py", constants: { ROWS: 1, BLOCK: 8 } }));

async function probabilities(scores) {
  const d = await device;
  using x = d.buffer("f32", scores.length, scores);
  using out = d.buffer("f32", scores.length);
  await (await softmax).launch(1, { x, out, columns: scores.length });
  return out.read();
}

export function App() {
  const [scores, setScores] = useState([1, 2, 3]);
  const [result, setResult] = useState([]);
  useEffect(() => {
    let current = true;
    probabilities(scores).then((r) => current && setResult([...r]), (error) => current && setResult([error.message]));
    return () => (current = false);
  }, [scores]);
  return (
    <main>
      <h1>Softmax</h1>
      {scores.map((score, i) => (
        <p key={i}>
          <input type="range" min="-5" max="5" step="0.1" value={score} onChange={(e) => setScores(scores.map((s, k) => (k === i ? Number(e.target.value) : s)))} />{" "}
          <output>{typeof result[i] === "number" ? result[i].toFixed(3) : result[i]}</output>
        </p>
      ))}
    </main>
  );
}
