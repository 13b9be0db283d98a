# SPDX-License-Identifier: MIT
"""torch.compile with nereid.compat instead of Triton: python tests/conformance/torch_compiler.py [results.json]"""
import importlib
import os
import sys
import warnings

import nereid.compat

nereid.compat.install()

import torch  # noqa: E402
import triton  # noqa: E402
import triton.language as tl  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from results import Suite  # noqa: E402

warnings.simplefilter("ignore")
X = torch.randn(100, 64, generator=torch.Generator().manual_seed(0))


def imports(name):
    return lambda: importlib.import_module(name) and None


def equal(got, want):
    assert torch.allclose(got, want, atol=1e-5), (got, want)


def compiled():
    equal(torch.compile(lambda x: torch.softmax(x * 2 + 1, 1).sum(0))(X), torch.softmax(X * 2 + 1, 1).sum(0))


def compiled_gradient():
    x = X.clone().requires_grad_()
    torch.compile(lambda x: (torch.sin(x) ** 2).sum())(x).backward()
    equal(x.grad, torch.sin(2 * X))


def disabled():
    equal(torch.compiler.disable(lambda x: x + 1)(X), X + 1)


@triton.jit
def double_kernel(x, o, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(o + i, 2 * tl.load(x + i, mask=i < n), mask=i < n)


def double(x):
    out = torch.empty_like(x)
    double_kernel[(triton.cdiv(x.numel(), 256), )](x, out, x.numel(), BLOCK=256)
    return out


def kernel_in_a_custom_operator():
    operator = torch.library.custom_op("conformance::double", double, mutates_args=(), schema="(Tensor x) -> Tensor")
    operator.register_fake(torch.empty_like)
    equal(torch.compile(lambda x: operator(x + 1) * 3)(X), (X + 1) * 6)


def kernel_after_a_graph_break():
    equal(torch.compile(lambda x: torch.compiler.disable(double)(x + 1) * 3)(X), (X + 1) * 6)


if __name__ == "__main__":
    suite = Suite("torch's compiler", torch.__version__)
    for name in ("torch._dynamo", "torch._inductor", "torch._inductor.runtime.triton_compat", "torch._inductor.runtime.triton_heuristics", "torch._higher_order_ops.triton_kernel_wrap",
                 "torch.utils._triton", "torch._inductor.codegen.triton", "torch.utils.flop_counter", "torch.sparse._triton_ops"):
        suite.case("import " + name, imports(name))
    suite.case("compiler.disable", disabled)
    suite.case("use_deterministic_algorithms", lambda: torch.use_deterministic_algorithms(True))
    suite.case("compile", compiled, 300)
    suite.case("compile, gradient", compiled_gradient, 300)
    suite.case("compile, kernel in a custom operator", kernel_in_a_custom_operator, 300)
    suite.case("compile, kernel after a graph break", kernel_after_a_graph_break, 300)
    sys.exit(1 if suite.finish(sys.argv[1] if len(sys.argv) > 1 else None) else 0)
