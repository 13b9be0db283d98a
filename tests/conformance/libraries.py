# SPDX-License-Identifier: MIT
"""Kernels of public libraries under nereid.compat, on the CPU, compared with torch's functions: Liger Kernel, FLA (flash-linear-attention), FlagGems.

    python tests/conformance/libraries.py liger|fla|flag_gems [results.json]

Their code is unchanged from PyPI, except for FlagGems' list of vendors, which lacks its back-end for CPUs.
That back-end also expects torch.cpu to have the device functions of torch.cuda.
"""
import contextlib
import importlib
import importlib.metadata
import os
import sys
import warnings

import nereid.compat

nereid.compat.install()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from results import Skip, Suite  # noqa: E402

warnings.simplefilter("ignore")


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def error(got, want):
    """The maximum error relative to the largest value."""
    got, want = got.detach().to(torch.float64), want.detach().to(torch.float64)
    if got.shape != want.shape:
        raise AssertionError(f"shape {tuple(got.shape)}, not {tuple(want.shape)}")
    finite = torch.isfinite(want)
    if not torch.equal(torch.nan_to_num(got[~finite], nan=7), torch.nan_to_num(want[~finite], nan=7)):
        raise AssertionError("other values are infinite or NaN")
    if not finite.any():
        return 0.0
    return float((got[finite] - want[finite]).abs().max() / want[finite].abs().max().clamp(min=1e-6))


def same(pairs, limit):
    worst = max(error(g, w) for g, w in pairs)
    if not worst <= limit:
        raise AssertionError(f"error {worst:.3g} is more than {limit}")
    return {"error": worst}


def with_gradients(ours, theirs, inputs, limit=2e-5):
    """Compares values and gradients of both for the same inputs; float inputs are differentiated."""

    def all_of(f):
        args = [x.clone().requires_grad_() if torch.is_tensor(x) and x.is_floating_point() else x for x in inputs]
        out = f(*[x.clone() if torch.is_tensor(x) and x.requires_grad else x for x in args])
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if torch.is_tensor(o)]
        sum((o * random(*o.shape, seed=5)).sum() if o.dim() else o for o in outs).backward()
        return outs + [x.grad for x in args if torch.is_tensor(x) and x.requires_grad]

    return lambda: same([(g, w) for g, w in zip(all_of(ours), all_of(theirs)) if g is not None and w is not None], limit)


def only_values(ours, theirs, limit=2e-5):

    def run():
        got, want = ours(), theirs()
        got, want = (x if isinstance(x, (tuple, list)) else (x,) for x in (got, want))
        return same([(g, w) for g, w in zip(got, want) if torch.is_tensor(w)], limit)

    return run


def rms_norm(x, w, eps=1e-6):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * w


def rotated(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def liger(suite):
    f = importlib.import_module("liger_kernel.transformers.functional")
    x, w, b = random(6, 100), random(100, seed=1), random(100, seed=2)
    case = suite.case
    case("rms_norm", with_gradients(lambda x, w: f.liger_rms_norm(x, w, 1e-6), rms_norm, [x, w]))
    case("layer_norm", with_gradients(lambda x, w, b: f.liger_layer_norm(x, w, b, 1e-6), lambda x, w, b: F.layer_norm(x, (100,), w, b, 1e-6), [x, w, b], 1e-4))
    case("fused_add_rms_norm", with_gradients(lambda x, r, w: f.liger_fused_add_rms_norm(x, r, w, 1e-6), lambda x, r, w: (rms_norm(x + r, w), x + r), [x, random(6, 100, seed=3), w]))
    case("swiglu", with_gradients(f.liger_swiglu, lambda a, b: F.silu(a) * b, [x, random(6, 100, seed=4)]))
    case("geglu", with_gradients(f.liger_geglu, lambda a, b: F.gelu(a, approximate="tanh") * b, [x, random(6, 100, seed=4)], 1e-4))
    case("softmax", with_gradients(f.liger_softmax, lambda x: torch.softmax(x, -1), [x]))
    case("relu_squared", with_gradients(f.liger_relu_squared, lambda x: F.relu(x) ** 2, [x]))
    scale = random(1, seed=9)
    case("dyt forward", only_values(lambda: f.liger_dyt(x, scale, w, b), lambda: torch.tanh(scale * x) * w + b))  # its gradient counts the multiprocessors of GPUs alone
    case("group_norm", with_gradients(lambda x, w, b: f.liger_group_norm(x, w, b, 8, 2, 1e-6), lambda x, w, b: F.group_norm(x, 2, w, b, 1e-6), [random(3, 8, 32), random(8, seed=1), random(8, seed=2)], 1e-4))
    target = torch.tensor([1, 5, -100, 99, 42, 0])
    for name, options in (("", {}), (" with smoothing", {"label_smoothing": 0.1}), (" of sums", {"reduction": "sum"})):
        case("cross_entropy" + name, with_gradients(lambda x: f.liger_cross_entropy(x, target, **options), lambda x: F.cross_entropy(x, target, **options), [x], 1e-4))
    case("cross_entropy with softcap", with_gradients(lambda x: f.liger_cross_entropy(x, target, softcap=5.0), lambda x: F.cross_entropy(5 * torch.tanh(x / 5), target), [x], 1e-4))
    head = random(100, 64, seed=6)
    case("fused_linear_cross_entropy", with_gradients(lambda x, h: f.liger_fused_linear_cross_entropy(x, h, target), lambda x, h: F.cross_entropy(x @ h.T, target), [random(6, 64), head], 1e-4))
    logs, other = F.log_softmax(x, -1), F.softmax(random(6, 100, seed=8), -1)
    case("kl_div", with_gradients(lambda x: f.liger_kl_div(x, other, reduction="batchmean"), lambda x: F.kl_div(x, other, reduction="batchmean"), [logs], 1e-4))

    def jsd(p, q, beta=0.5):  # of logarithms
        m = torch.log(beta * q.exp() + (1 - beta) * p.exp())
        return (beta * F.kl_div(m, q, reduction="none", log_target=True) + (1 - beta) * F.kl_div(m, p, reduction="none", log_target=True)).sum() / p.shape[0]

    case("jsd", with_gradients(lambda p: f.liger_jsd(p, other.log()), lambda p: jsd(p, other.log()), [logs], 1e-4))
    case("tvd", with_gradients(lambda p: f.liger_tvd(p, other, reduction="batchmean"), lambda p: 0.5 * (p - other).abs().sum() / p.shape[0], [logs.exp()], 1e-4))
    q, k = random(2, 4, 16, 32), random(2, 2, 16, 32)
    angles = torch.arange(16)[:, None] * 10.0 ** -torch.arange(16)[None, :].div(8)
    cos, sin = (torch.cat([t, t], -1)[None] for t in (angles.cos(), angles.sin()))
    case("rope", with_gradients(lambda q, k: f.liger_rope(q, k, cos, sin), lambda q, k: (rotated(q, cos[:, None], sin[:, None]), rotated(k, cos[:, None], sin[:, None])), [q, k], 1e-4))

    def sparsemax(x):
        z = x.sort(-1, descending=True).values
        count = torch.arange(1, x.shape[-1] + 1)
        support = (1 + count * z > z.cumsum(-1)).sum(-1, keepdim=True)
        tau = (z.cumsum(-1).gather(-1, support - 1) - 1) / support
        return (x - tau).clamp(min=0)

    case("sparsemax", with_gradients(f.liger_sparsemax, sparsemax, [x], 1e-4))
    case("poly_norm", with_gradients(lambda x, w, b: f.liger_poly_norm(x, w, b, 1e-6), lambda x, w, b: sum(rms_norm(x ** p, w[3 - p]) for p in (3, 2, 1)) + b, [x, random(3, seed=1), torch.tensor(0.3)], 1e-4))
    case("modulated_rms_norm", with_gradients(lambda x, w, s: f.liger_modulated_rms_norm(x, w, s), lambda x, w, s: rms_norm(x, w) * (1 + s), [random(6, 100), w, random(6, 100, seed=3)], 1e-4))
    case("multi_token_attention", with_gradients(lambda s, w: f.liger_multi_token_attention(s, w, padding=1), lambda s, w: multi_token(s, w), [random(1, 2, 16, 16), random(2, 2, 3, 3)], 1e-3))


def multi_token(scores, weight):
    keep = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    s = torch.softmax(scores.masked_fill(~keep, float("-inf")), -1)
    return F.conv2d(s, weight, padding=1).masked_fill(~keep, 0.0)


def fla(suite):
    case, B, T, H, K, V = suite.case, 1, 96, 2, 32, 32

    def heads(*shape, seed=0):
        return random(*shape, seed=seed)

    q, k, v = heads(B, T, H, K) * K ** -0.5, heads(B, T, H, K, seed=1), heads(B, T, H, V, seed=2)
    gate = F.logsigmoid(heads(B, T, H, seed=3))
    beta = torch.sigmoid(heads(B, T, H, seed=4))
    unit = F.normalize(k, dim=-1)

    def recurrent(q, k, v, g=None, beta=None, scale=None, delta=False):
        """S = exp(g) S + k (beta (v - k S)), o = q S."""
        scale = K ** -0.5 if scale is None else scale
        state, outs = torch.zeros(q.shape[0], q.shape[2], K, V, dtype=torch.float64), []
        q, k, v = (x.double() for x in (q, k, v))
        for t in range(q.shape[1]):
            if g is not None:
                state = state * g[:, t].double().exp().reshape(q.shape[0], q.shape[2], -1, 1)
            value = v[:, t]
            if delta:
                value = (value - (state * k[:, t, :, :, None]).sum(2)) * beta[:, t, :, None].double()
            state = state + k[:, t, :, :, None] * value[:, :, None, :]
            outs.append((state * (q[:, t] * scale)[..., None]).sum(2))
        return torch.stack(outs, 1).float()

    def module(name):
        return importlib.import_module("fla." + name)

    def attention(q, k, v):
        s = torch.einsum("bthk,bshk->bhts", q, k) * K ** -0.5
        s = s.masked_fill(~torch.ones(T, T, dtype=torch.bool).tril(), float("-inf"))
        return torch.einsum("bhts,bshv->bthv", s.softmax(-1), v)

    case("linear_attn chunk", with_gradients(lambda q, k, v: module("ops.linear_attn").chunk_linear_attn(q, k, v, normalize=False)[0], recurrent, [q, k, v], 1e-3), 300)
    case("linear_attn fused_recurrent", with_gradients(lambda q, k, v: module("ops.linear_attn").fused_recurrent_linear_attn(q, k, v, normalize=False)[0], recurrent, [q, k, v], 1e-3), 300)
    case("simple_gla chunk", with_gradients(lambda q, k, v, g: module("ops.simple_gla").chunk_simple_gla(q, k, v, g)[0], recurrent, [q, k, v, gate], 1e-3), 300)
    case("simple_gla fused_recurrent", with_gradients(lambda q, k, v, g: module("ops.simple_gla").fused_recurrent_simple_gla(q, k, v, g)[0], recurrent, [q, k, v, gate], 1e-3), 300)
    gk = F.logsigmoid(heads(B, T, H, K, seed=3))
    case("gla chunk", with_gradients(lambda q, k, v, g: module("ops.gla").chunk_gla(q, k, v, g)[0], recurrent, [q, k, v, gk], 5e-3), 300)
    case("gla fused_recurrent", with_gradients(lambda q, k, v, g: module("ops.gla").fused_recurrent_gla(q, k, v, g)[0], recurrent, [q, k, v, gk], 1e-3), 300)
    case("delta_rule chunk", with_gradients(lambda q, k, v, b: module("ops.delta_rule").chunk_delta_rule(q, k, v, b)[0], lambda q, k, v, b: recurrent(q, k, v, beta=b, delta=True), [x.bfloat16() for x in (q, unit, v, beta)], 3e-2), 300)
    case("delta_rule fused_recurrent", with_gradients(lambda q, k, v, b: module("ops.delta_rule").fused_recurrent_delta_rule(q, k, v, b)[0], lambda q, k, v, b: recurrent(q, k, v, beta=b, delta=True), [q, unit, v, beta], 5e-3), 300)
    case("gated_delta_rule chunk", with_gradients(lambda q, k, v, g, b: module("ops.gated_delta_rule").chunk_gated_delta_rule(q, k, v, g, b)[0], lambda q, k, v, g, b: recurrent(q, k, v, g, b, delta=True), [q, unit, v, gate, beta], 5e-3), 300)
    case("gated_delta_rule fused_recurrent", only_values(lambda: module("ops.gated_delta_rule").fused_recurrent_gated_delta_rule(q, unit, v, gate, beta=beta)[0], lambda: recurrent(q, unit, v, gate, beta, delta=True), 1e-3), 300)
    case("attn parallel", with_gradients(lambda q, k, v: module("ops.attn").parallel_attn(q, k, v), attention, [q, k, v], 5e-3), 300)
    decay = torch.log(1 - 2.0 ** (-5 - torch.arange(H).float()))
    case("retention chunk", with_gradients(lambda q, k, v: module("ops.retention").chunk_retention(q, k, v)[0], lambda q, k, v: recurrent(q, k, v, decay.expand(B, T, H)), [q, k, v], 5e-3), 300)

    def hgrn(x, g):
        state, outs = torch.zeros(x.shape[0], x.shape[2]), []
        for t in range(x.shape[1]):
            state = state * g[:, t].exp() + x[:, t]
            outs.append(state)
        return torch.stack(outs, 1)

    x2, g2 = heads(2, 64, 40), F.logsigmoid(heads(2, 64, 40, seed=1))
    case("hgrn fused_recurrent", with_gradients(lambda x, g: module("ops.hgrn").fused_recurrent_hgrn(x, g)[0], hgrn, [x2, g2], 1e-4), 300)
    case("hgrn chunk", with_gradients(lambda x, g: module("ops.hgrn").chunk_hgrn(x, g)[0], hgrn, [x2, g2], 1e-4), 300)
    case("cumsum local", only_values(lambda: module("ops.utils").chunk_local_cumsum(gate, 32), lambda: gate.reshape(B, T // 32, 32, H).cumsum(2).reshape(B, T, H), 1e-5))
    case("cumsum global", only_values(lambda: module("ops.utils").chunk_global_cumsum(gate), lambda: gate.cumsum(1), 1e-5))
    x, w, b = heads(6, 100), heads(100, seed=1), heads(100, seed=2)
    case("layer_norm", with_gradients(lambda x, w, b: module("modules.norm.layernorm").layer_norm(x, w, b, eps=1e-6), lambda x, w, b: F.layer_norm(x, (100,), w, b, 1e-6), [x, w, b], 1e-4))
    case("rms_norm", with_gradients(lambda x, w: module("modules.norm.layernorm").rms_norm(x, w, None, eps=1e-6), rms_norm, [x, w], 1e-4))
    case("l2norm", with_gradients(lambda x: module("modules.norm.l2norm").l2norm(x), lambda x: x * torch.rsqrt((x * x).sum(-1, keepdim=True) + 1e-6), [x], 1e-4))
    case("swiglu", with_gradients(lambda a, b: module("modules.activations").swiglu(a, b), lambda a, b: F.silu(a) * b, [x, heads(6, 100, seed=4)], 1e-4))
    target = torch.tensor([1, 5, 7, 99, 42, 0])
    case("fused_cross_entropy", with_gradients(lambda x: module("modules.fused_cross_entropy").cross_entropy_loss(x, target)[0], lambda x: F.cross_entropy(x, target, reduction="none"), [x], 1e-4))
    case("fused_linear_cross_entropy", with_gradients(lambda x, h: module("modules.fused_linear_cross_entropy").fused_linear_cross_entropy_loss(x, target, h), lambda x, h: F.cross_entropy(x @ h.T, target), [random(6, 64), random(100, 64)], 1e-4))
    conv = random(40, 4, seed=3)
    case("causal_conv1d", with_gradients(lambda x, w: module("modules.causal_conv1d").causal_conv1d(x, w, activation="silu", backend="triton")[0],
                                         lambda x, w: F.silu(F.conv1d(F.pad(x.transpose(1, 2), (3, 0)), w[:, None], groups=40).transpose(1, 2)), [random(2, 64, 40), conv], 1e-4), 300)


def flag_gems(suite):
    os.environ["GEMS_VENDOR"] = "arm"
    spec = importlib.util.find_spec("flag_gems")
    place = os.path.join(os.path.dirname(spec.origin), "runtime", "common.py")
    with open(place) as f:
        text = f.read()
    if "ARM" not in text:
        with open(place, "w") as f:
            f.write(text.replace("    NVIDIA = 0\n", "    NVIDIA = 0\n    ARM = 99\n"))
    # Functions of torch.cpu that this version of torch lacks.
    torch.cpu.device, torch.cpu.current_device = (lambda *_: contextlib.nullcontext()), (lambda: 0)
    ops = importlib.import_module("flag_gems.ops")
    x, y = random(40, 50), random(40, 50, seed=1)
    p, i, j = x.abs() + 0.1, (x * 10).int(), (y * 10).int()

    def case(name, *args, limit=2e-5, aten=None, **kwargs):
        ours, theirs = getattr(ops, name, None), aten or getattr(torch, name, None) or getattr(F, name)

        def run():
            if ours is None:
                raise Skip(f"this version has no {name}")
            copies = lambda: [a.clone() if torch.is_tensor(a) else a for a in args]
            return only_values(lambda: ours(*copies(), **kwargs), lambda: theirs(*copies(), **kwargs), limit)()

        suite.case(name, run)

    for name in "abs cos sin exp exp2 erf tanh sigmoid relu neg isnan isinf isfinite logical_not sqrt rsqrt reciprocal log silu tan atan expm1 ceil".split():
        case(name, p if name in ("sqrt", "rsqrt", "log") else x)
    case("gelu", x), case("bitwise_not", i), case("log_sigmoid", x, aten=F.logsigmoid), case("softplus", x, aten=F.softplus), case("elu", x, aten=F.elu), case("celu", x, aten=F.celu)
    for name in "add sub mul maximum minimum eq ne lt le gt ge logical_and logical_or logical_xor fmin atan2 hypot copysign".split():
        case(name, x, y)
    case("true_divide", x, y), case("pow_tensor_tensor", p, y, aten=torch.pow), case("floor_divide", i, j.abs() + 1), case("remainder", i, j.abs() + 1)
    for name in "bitwise_and bitwise_or".split():
        case(name + "_tensor", i, j, aten=getattr(torch, name))
    case("clamp", x, -0.5, 0.5), case("lerp_tensor", x, y, p, aten=torch.lerp), case("addcmul", x, y, p), case("addcdiv", x, y, p)
    case("nan_to_num", torch.where(x > 1, float("inf"), x))
    case("softmax", x, -1), case("log_softmax", x, -1), case("sum", x, limit=1e-4), case("mean", x, limit=1e-4), case("prod", x / 2), case("amax", x, [1]), case("max", x), case("min", x), case("argmax", random(40, 64), 1), case("argmin", random(40, 64), 1)
    case("all", x > 0), case("any", x > 0), case("cumsum", x, 1), case("cummax", x, 1), case("cummin", x, 1), case("var_mean", x, [1]), case("std", x, 1), case("count_nonzero", i)
    case("sum_dim", x, [1], aten=lambda x, d: x.sum(d)), case("mean_dim", x, [1], aten=lambda x, d: x.mean(d)), case("max_dim", x, 1, aten=lambda x, d: tuple(x.max(d)))
    case("mm", x, y.T.contiguous(), limit=1e-4), case("addmm", random(40, 40), x, y.T.contiguous(), limit=1e-4), case("bmm", random(3, 20, 30), random(3, 30, 40), limit=1e-4), case("mv", x, random(50), limit=1e-4)
    case("dot", random(100), random(100, seed=1), limit=1e-4), case("vdot", random(100), random(100, seed=1), limit=1e-4), case("addmv", random(40), x, random(50), limit=1e-4), case("addr", random(20, 30), random(20), random(30))
    case("layer_norm", x, [50], random(50), random(50, seed=1), aten=lambda x, s, w, b: F.layer_norm(x, s, w, b), limit=1e-4)
    case("rms_norm", x, [50], random(50), aten=lambda x, s, w: rms_norm(x, w, 1e-5), limit=1e-4)
    case("group_norm", random(2, 8, 5, 5), random(8), random(8, seed=1), 2, 8, 25, 4, 1e-5, aten=lambda x, w, b, n, c, hw, g, eps: F.group_norm(x, g, w, b, eps), limit=1e-4)
    case("gather", x, 1, (j.abs() % 50).long()), case("index_select", x, 0, torch.tensor([3, 1, 3])), case("embedding", random(30, 16), torch.tensor([3, 1, 3]), aten=lambda w, t: F.embedding(t, w))
    case("scatter", x, 1, torch.arange(50).repeat(40, 1), y), case("flip", x, [0, 1]), case("triu", x), case("tril", x), case("cat", [x, y]), case("stack", [x, y]), case("hstack", [x, y]), case("vstack", [x, y])
    case("repeat", x, (2, 3), aten=lambda x, n: x.repeat(*n)), case("tile", x, (2, 3)), case("pad", x, [1, 2], aten=lambda x, n: F.pad(x, n)), case("roll", x, [3], [1]), case("diag", x), case("trace", random(20, 20), limit=1e-4)
    case("sort", x), case("topk", x, 5), case("masked_fill", x, x > 0, 3.0), case("masked_select", x, x > 0), case("nonzero", x > 0), case("unique2" if hasattr(ops, "unique2") else "_unique2", i.flatten(), aten=lambda t: (t.unique(),))
    case("isin", i, torch.tensor([1, 2, 3])), case("isclose", x, x + 1e-9), case("arange", 100, aten=lambda n: torch.arange(n)), case("linspace", 0.0, 1.0, 50), case("eye", 10), case("full", [4, 5], 3.0), case("full_like", x, 2.0)
    case("conv1d", random(2, 4, 30), random(6, 4, 3), limit=1e-4), case("conv2d", random(2, 4, 10, 10), random(6, 4, 3, 3), limit=1e-4), case("glu", x, limit=1e-4), case("mse_loss", x, y, aten=F.mse_loss), case("kron", random(4, 5), random(3, 2))
    case("vector_norm", x, aten=torch.linalg.vector_norm)
    case("max_pool2d_with_indices", random(1, 2, 8, 8), [2, 2], aten=lambda x, s: F.max_pool2d(x, s, return_indices=True)), case("logaddexp", x, y), case("quantile", random(100), 0.25, limit=1e-4), case("per_token_group_quant_fp8", random(8, 128), 64, dtype=torch.float8_e4m3fn, aten=quantised, limit=0.07)


def quantised(x, size, dtype):
    groups = x.reshape(x.shape[0], -1, size)
    scale = groups.abs().amax(-1).clamp(min=1e-10) / 448.0
    return (groups / scale[..., None]).reshape(x.shape).to(dtype), scale


SUITES = {"liger": ("liger-kernel", liger), "fla": ("fla-core", fla), "flag_gems": ("flag-gems", flag_gems)}

if __name__ == "__main__":
    package, run = SUITES[sys.argv[1]]
    try:
        suite = Suite(package, importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        print(f"skipped: {package} is not installed")
        sys.exit(0)
    run(suite)
    sys.exit(1 if suite.finish(sys.argv[2] if len(sys.argv) > 2 else None) else 0)
