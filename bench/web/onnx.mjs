// SPDX-License-Identifier: MIT
// ONNX models with one operation, for ONNX Runtime Web: encodes the few fields of onnx.proto that it needs.

const varint = (n) => {
  const out = [];
  for (n = BigInt(n); n > 127n; n >>= 7n) out.push(Number(n & 127n) | 128);
  return [...out, Number(n)];
};
const number = (field, n) => [...varint(field * 8), ...varint(n)];
const bytes = (field, data) => [...varint(field * 8 + 2), ...varint(data.length), ...data];
const text = (field, s) => bytes(field, new TextEncoder().encode(s));
const float = (field, x) => [...varint(field * 8 + 5), ...new Uint8Array(Float32Array.of(x).buffer)];

const value = (name, shape) => {
  const dims = shape.flatMap((n) => bytes(1, number(1, n)));
  return [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, dims)]))];
};

/** A model of `op` on f32 inputs. `axes`: one more input with these axes, as for ReduceSum. */
export function model(op, inputs, output, { attributes = {}, axes } = {}) {
  const names = [...Object.keys(inputs), ...(axes ? ["axes"] : [])];
  const attribute = ([name, x]) =>
    bytes(5, [
      ...text(1, name),
      ...(Number.isInteger(x) ? [...number(3, BigInt.asUintN(64, BigInt(x))), ...number(20, 2)] : [...float(2, x), ...number(20, 1)]),
    ]);
  const node = [...names.flatMap((n) => text(1, n)), ...text(2, "out"), ...text(4, op), ...Object.entries(attributes).flatMap(attribute)];
  const graph = [
    ...bytes(1, node),
    ...text(2, op),
    ...(axes
      ? bytes(5, [
          ...number(1, axes.length),
          ...number(2, 7),
          ...text(8, "axes"),
          ...bytes(9, new Uint8Array(BigInt64Array.from(axes, BigInt).buffer)),
        ])
      : []),
    ...Object.entries(inputs).flatMap(([n, shape]) => bytes(11, value(n, shape))),
    ...bytes(12, value("out", output)),
  ];
  return new Uint8Array([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 17))]);
}
