# SPDX-License-Identifier: MIT
# Reductions, scans, sorting and index helpers of triton.language, in the language itself.
# Result types, tie-breaks and NaN behaviour are Triton's; only the text is ours.
import triton
import triton.language as tl


@triton.constexpr_function
def _log2(n):
    bits = 0
    while n > 1:
        n = n >> 1
        bits += 1
    return bits


@triton.constexpr_function
def _int_dtype(bits):
    return tl.get_int_dtype(bits, True)


# Integers narrower than 32 bits are summed in 32; everything else in its own type.
@triton.constexpr_function
def _sum_dtype(given, dtype):
    if dtype is not None:
        return dtype
    if given.is_int_signed() and given.primitive_bitwidth < 32:
        return tl.int32
    if given.is_int_unsigned() and given.primitive_bitwidth < 32:
        return tl.uint32
    return None


@triton.jit
def cdiv(x, div):
    return (x + (div - 1)) // div


@triton.jit
def sigmoid(x):
    return 1 / (1 + tl.exp(-x))


@triton.jit
def softmax(x, dim=None, keep_dims=False, ieee_rounding=False):
    axis: tl.constexpr = 0 if dim is None else dim
    # Always with the axis kept, or rows would be divided by another row's sum (as in Triton 3.6).
    shifted = x - max(x, axis, keep_dims=True)
    powers = tl.exp(shifted)
    total = sum(powers, axis, keep_dims=True)
    return tl.fdiv(powers, total, ieee_rounding)


@triton.jit
def ravel(x, can_reorder=False):
    return tl.reshape(x, [x.numel], can_reorder=can_reorder)


# Walks a row-major grid of size_i by size_j in column-major order within groups of size_g rows.
@triton.jit
def swizzle2d(i, j, size_i, size_j, size_g):
    linear = i * size_j + j
    group_size = size_g * size_j
    group = linear // group_size
    first_row = group * size_g
    rows = tl.minimum(size_i - first_row, size_g)
    within = linear % group_size
    return first_row + within % rows, within // rows


@triton.jit
def zeros(shape, dtype):
    return tl.full(shape, 0, dtype)


@triton.jit
def zeros_like(input):
    return zeros(input.shape, input.dtype)


@triton.jit
def _keep_larger(value1, index1, value2, index2, left: tl.constexpr):
    first = value1 > value2
    if left:
        first = first or (value1 == value2 and index1 < index2)
    return tl.where(first, value1, value2), tl.where(first, index1, index2)


@triton.jit
def _keep_smaller(value1, index1, value2, index2, left: tl.constexpr):
    first = value1 < value2
    if left:
        first = first or (value1 == value2 and index1 < index2)
    return tl.where(first, value1, value2), tl.where(first, index1, index2)


@triton.jit
def _argmax_left(value1, index1, value2, index2):
    return _keep_larger(value1, index1, value2, index2, True)


@triton.jit
def _argmax_any(value1, index1, value2, index2):
    return _keep_larger(value1, index1, value2, index2, False)


@triton.jit
def _argmin_left(value1, index1, value2, index2):
    return _keep_smaller(value1, index1, value2, index2, True)


@triton.jit
def _argmin_any(value1, index1, value2, index2):
    return _keep_smaller(value1, index1, value2, index2, False)


@triton.jit
def _maximum(a, b):
    return tl.maximum(a, b)


@triton.jit
def _minimum(a, b):
    return tl.minimum(a, b)


# Maximum and minimum of narrow types are taken in 32 bits.
@triton.jit
def _widen(input):
    if input.dtype.primitive_bitwidth < 32:
        if input.dtype.is_floating():
            input = input.to(tl.float32)
        else:
            input = input.to(tl.int32)
    return input


@triton.jit
def max(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False):
    input = tl._promote_bfloat16_to_float32(input)
    if return_indices:
        if return_indices_tie_break_left:
            return tl._reduce_with_indices(input, axis, _argmax_left, keep_dims=keep_dims)
        else:
            return tl._reduce_with_indices(input, axis, _argmax_any, keep_dims=keep_dims)
    else:
        return tl.reduce(_widen(input), axis, _maximum, keep_dims=keep_dims)


@triton.jit
def argmax(input, axis, tie_break_left=True, keep_dims=False):
    value, index = max(input, axis, return_indices=True, return_indices_tie_break_left=tie_break_left, keep_dims=keep_dims)
    return index


@triton.jit
def min(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False):
    input = tl._promote_bfloat16_to_float32(input)
    if return_indices:
        if return_indices_tie_break_left:
            return tl._reduce_with_indices(input, axis, _argmin_left, keep_dims=keep_dims)
        else:
            return tl._reduce_with_indices(input, axis, _argmin_any, keep_dims=keep_dims)
    else:
        return tl.reduce(_widen(input), axis, _minimum, keep_dims=keep_dims)


@triton.jit
def argmin(input, axis, tie_break_left=True, keep_dims=False):
    value, index = min(input, axis, return_indices=True, return_indices_tie_break_left=tie_break_left, keep_dims=keep_dims)
    return index


@triton.jit
def _add(a, b):
    return a + b


@triton.jit
def _multiply(a, b):
    return a * b


@triton.jit
def _xor(a, b):
    return a ^ b


@triton.jit
def _or(a, b):
    return a | b


@triton.jit
def sum(input, axis=None, keep_dims=False, dtype: tl.constexpr = None):
    wide: tl.constexpr = _sum_dtype(input.dtype, dtype)
    if wide is not None:
        input = input.to(wide)
    return tl.reduce(input, axis, _add, keep_dims=keep_dims)


@triton.jit
def xor_sum(input, axis=None, keep_dims=False):
    tl.static_assert(input.dtype.is_int(), "xor_sum is for integers")
    return tl.reduce(input, axis, _xor, keep_dims=keep_dims)


@triton.jit
def reduce_or(input, axis, keep_dims=False):
    tl.static_assert(input.dtype.is_int(), "reduce_or is for integers")
    return tl.reduce(input, axis, _or, keep_dims=keep_dims)


@triton.jit
def cumsum(input, axis=0, reverse=False, dtype: tl.constexpr = None):
    input = tl._promote_bfloat16_to_float32(input)
    wide: tl.constexpr = _sum_dtype(input.dtype, dtype)
    if wide is not None:
        input = input.to(wide)
    return tl.associative_scan(input, axis, _add, reverse)


@triton.jit
def cumprod(input, axis=0, reverse=False):
    input = tl._promote_bfloat16_to_float32(input)
    return tl.associative_scan(input, axis, _multiply, reverse)


# Sorting views the tensor as a hypercube [2, 2, ..., 2], so that a compare-and-swap at distance 2^i is one between the two halves of
# an axis. An element's partner along an axis is the XOR of both with itself.
@triton.jit
def _side(rank: tl.constexpr, axis: tl.constexpr):
    return tl.reshape(tl.arange(0, 2) != 0, [1] * (rank - axis - 1) + [2] + [1] * axis)


@triton.jit
def _compare_and_swap(x, flip, axis: tl.constexpr):
    rank: tl.constexpr = _log2(x.numel)
    bits: tl.constexpr = _int_dtype(x.dtype.primitive_bitwidth)
    mine = x.to(bits, bitcast=True)
    other = (mine ^ xor_sum(mine, rank - 1 - axis, True)).to(x.dtype, bitcast=True)
    return tl.where((x > other) != (flip ^ _side(rank, axis)), other, x)


# order: 0 ascending, 1 descending, 2 alternating
@triton.jit
def _merge_stage(x, stage: tl.constexpr, order: tl.constexpr):
    if order == 2:
        flip = _side(_log2(x.numel), stage)
    else:
        flip = order != 0
    for i in tl.static_range(stage):
        x = _compare_and_swap(x, flip, stage - 1 - i)
    return x


@triton.jit
def sort_impl(x, k: tl.constexpr = None, dim: tl.constexpr = None, descending: tl.constexpr = 0):
    axis: tl.constexpr = len(x.shape) - 1 if dim is None else dim
    tl.static_assert(axis == len(x.shape) - 1, "only the last axis can be sorted")
    log_n: tl.constexpr = _log2(x.shape[axis])
    log_k: tl.constexpr = log_n if k is None else _log2(k)
    rank: tl.constexpr = _log2(x.numel)
    cube = tl.reshape(x, [2] * rank if rank else [1])
    for i in tl.static_range(1, log_k + 1):
        cube = _merge_stage(cube, i, 2 if i < log_n else descending)
    # Keep only the better half of each two sorted runs of k.
    for i in tl.static_range(log_k + 1, log_n + 1):
        if descending:
            cube = max(cube, axis=_log2(cube.numel) - 1 - log_k)
        else:
            cube = min(cube, axis=_log2(cube.numel) - 1 - log_k)
        cube = _merge_stage(cube, log_k, 2 if i < log_n else descending)
    return tl.reshape(cube, x.shape[:-1] + [2**log_k])


@triton.jit
def sort(x, dim: tl.constexpr = None, descending: tl.constexpr = 0):
    return sort_impl(x, dim=dim, descending=descending)


@triton.jit
def topk(x, k: tl.constexpr, dim: tl.constexpr = None):
    return sort_impl(x, k=k, dim=dim, descending=True)


@triton.jit
def bitonic_merge(x, dim: tl.constexpr = None, descending: tl.constexpr = 0):
    axis: tl.constexpr = len(x.shape) - 1 if dim is None else dim
    tl.static_assert(axis == len(x.shape) - 1, "only the last axis can be merged")
    cube = tl.reshape(x, [2] * _log2(x.numel))
    cube = _merge_stage(cube, _log2(x.shape[-1]), descending)
    return tl.reshape(cube, x.shape)


@triton.jit
def flip(x, dim=None):
    axis: tl.constexpr = len(x.shape) - 1 if dim is None else (dim + len(x.shape) if dim < 0 else dim)
    tl.static_assert(0 <= axis and axis < len(x.shape), "the axis to flip is out of range")
    steps: tl.constexpr = _log2(x.shape[axis])
    bits: tl.constexpr = _int_dtype(x.dtype.primitive_bitwidth)
    y = tl.reshape(x.to(bits, bitcast=True), x.shape[:axis] + [2] * steps + x.shape[axis + 1:])
    for i in tl.static_range(steps):
        y = y ^ xor_sum(y, axis + i, True)
    return tl.reshape(y, x.shape).to(x.dtype, bitcast=True)


@triton.jit
def interleave(a, b):
    joined = tl.join(a, b)
    if len(joined.shape) == 1:
        return joined
    else:
        return tl.reshape(joined, joined.shape[:-2] + [2 * joined.shape[-2]])
