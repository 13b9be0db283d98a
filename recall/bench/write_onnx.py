# SPDX-License-Identifier: MIT
"""Writes the encoder as ONNX models for ONNX Runtime, from the same weights: minilm.onnx (f32) and minilm.q8.onnx (dynamically quantized by ONNX Runtime's tool); and for transformers.js
the folder transformers/minilm, with the inputs and outputs that it expects.

    python recall/bench/write_onnx.py [DIR]     DIR is build/recall, where recall/convert.py has put the weights

Inputs are ids and lengths as those of our encoder; the output are the vectors. The operations are those of exported models: ONNX Runtime fuses them when it loads the model. Needs onnx and
onnxruntime.
"""
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from convert import EPSILON, HEADS, ROOT, model, read  # noqa: E402


class Builder:
    """Collects nodes and constants."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], {}, 0

    def constant(self, value, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def node(self, op, *inputs, **attributes):
        self.count += 1
        out = f"v{self.count}"
        self.nodes.append(helper.make_node(op, [x if isinstance(x, str) else self.constant(x) for x in inputs], [out], **attributes))
        return out


def built(tensors, exported=False):
    """With `exported`, inputs and output are those of models that Hugging Face's tools export."""
    b = Builder()
    ids = "input_ids" if exported else "ids"
    weights = {name: b.constant(t, name) for name, t in tensors.items()}
    columns = tensors["positions"].shape[1]
    size = columns // HEADS
    i64 = lambda *values: np.array(values, np.int64)

    def linear(x, name):
        return b.node("Add", b.node("MatMul", x, weights[f"{name}.weight"]), weights[f"{name}.bias"])

    def norm(x, name):
        return b.node("LayerNormalization", x, weights[f"{name}.weight"], weights[f"{name}.bias"], axis=-1, epsilon=EPSILON)

    shape = b.node("Shape", ids)
    length = b.node("Gather", shape, np.int64(1), axis=0)
    places = b.node("Range", np.int64(0), length, np.int64(1))
    # 1 for tokens that count.
    counted = b.node("Cast", "attention_mask", to=TensorProto.FLOAT) if exported else b.node("Cast", b.node("Less", b.node("Unsqueeze", b.node("Cast", places, to=TensorProto.INT32), i64(0)), b.node("Unsqueeze", "lengths", i64(1))), to=TensorProto.FLOAT)
    mask = b.node("Unsqueeze", b.node("Mul", b.node("Sub", np.float32(1), counted), np.float32(-1e9)), i64(1, 2))
    h = norm(b.node("Add", b.node("Gather", weights["words"], ids), b.node("Gather", weights["positions"], places)), "norm")
    for i in range(sum(name.endswith(".up.bias") for name in tensors)):
        heads = []
        for part, order in enumerate(([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])):
            w = b.constant(np.ascontiguousarray(tensors[f"{i}.qkv.weight"][:, part * columns:(part + 1) * columns]), f"{i}.{'qkv'[part]}.weight")
            bias = tensors[f"{i}.qkv.bias"][part * columns:(part + 1) * columns]
            x = b.node("Add", b.node("MatMul", h, w), bias)
            heads.append(b.node("Transpose", b.node("Reshape", x, i64(0, 0, HEADS, size)), perm=order))
        q, k, v = heads
        scores = b.node("Add", b.node("Div", b.node("MatMul", q, k), np.float32(size**0.5)), mask)
        a = b.node("Transpose", b.node("MatMul", b.node("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
        h = norm(b.node("Add", linear(b.node("Reshape", a, i64(0, 0, columns)), f"{i}.attention"), h), f"{i}.norm1")
        u = linear(h, f"{i}.up")
        gelu = b.node("Mul", b.node("Mul", u, b.node("Add", b.node("Erf", b.node("Div", u, np.float32(2**0.5))), np.float32(1))), np.float32(0.5))
        h = norm(b.node("Add", linear(gelu, f"{i}.down"), h), f"{i}.norm2")
    if exported:
        b.nodes[-1].output[0] = "last_hidden_state"
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")]
        return finished(b, inputs, helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "length", columns]))
    total = b.node("ReduceSum", b.node("Mul", h, b.node("Unsqueeze", counted, i64(2))), i64(1), keepdims=0)
    mean = b.node("Div", total, b.node("Unsqueeze", b.node("Cast", "lengths", to=TensorProto.FLOAT), i64(1)))
    b.nodes.append(helper.make_node("LpNormalization", [mean], ["vectors"], axis=-1, p=2))
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT32, ["batch", "length"]), helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"])]
    return finished(b, inputs, helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", columns]))


def finished(b, inputs, output):
    used = {name for node in b.nodes for name in node.input}
    graph = helper.make_graph(b.nodes, "minilm", inputs, [output], [t for name, t in b.constants.items() if name in used])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


if __name__ == "__main__":
    from onnxruntime.quantization import QuantType, quantize_dynamic
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/recall"
    onnx.save(built(model(read(folder / "model.safetensors"))), folder / "minilm.onnx")
    quantize_dynamic(folder / "minilm.onnx", folder / "minilm.q8.onnx", weight_type=QuantType.QInt8)
    place = folder / "transformers/minilm"
    (place / "onnx").mkdir(parents=True, exist_ok=True)
    onnx.save(built(model(read(folder / "model.safetensors")), exported=True), place / "onnx/model.onnx")
    quantize_dynamic(place / "onnx/model.onnx", place / "onnx/model_quantized.onnx", weight_type=QuantType.QInt8)
    (place / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": HEADS}))
    (place / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}))
    shutil.copy(folder / "tokenizer.json", place / "tokenizer.json")
