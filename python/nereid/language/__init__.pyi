# SPDX-License-Identifier: MIT
# Written by scripts/tl_stub.py from _functions.py.
from typing import Any

from . import math as math
from ._values import block_type as block_type, const as const, constexpr as constexpr, dtype as dtype, get_int_dtype as get_int_dtype
from ._values import pointer_type as pointer_type, tensor as tensor
from .extra import libdevice as libdevice, target_info as target_info

TRITON_MAX_TENSOR_NUMEL: constexpr
FUNCTIONS: list[str]

int1: dtype
int8: dtype
int16: dtype
int32: dtype
int64: dtype
uint8: dtype
uint16: dtype
uint32: dtype
uint64: dtype
float8e5: dtype
float8e5b16: dtype
float8e4nv: dtype
float8e4b8: dtype
float8e4b15: dtype
float16: dtype
bfloat16: dtype
float32: dtype
float64: dtype
void: dtype


class tensor_descriptor: ...


class PropagateNan:
    NONE: str
    ALL: str


def abs(x) -> Any:
    """Absolute value of each element."""


def add(x, y, sanitize_overflow=None) -> Any:
    """Sum, the same as `x + y`."""


def advance(base, offsets) -> Any:
    """Returns the block pointer `base` moved by `offsets`, one per axis."""


def arange(start, end) -> Any:
    """The integers start, start + 1, ..., end - 1 as an int32 tensor. end - start must be a power of two."""


def argmax(input, axis, tie_break_left=True, keep_dims=False) -> Any:
    """Index of the largest element along `axis`."""


def argmin(input, axis, tie_break_left=True, keep_dims=False) -> Any:
    """Index of the smallest element along `axis`."""


def associative_scan(input, axis, combine_fn, reverse=None) -> Any:
    """Inclusive scan along `axis` with the @triton.jit function `combine_fn(a, b)`. `input` can be a tuple of tensors."""


def assume(cond) -> Any:
    """States that the scalar condition `cond` is true."""


def atomic_add(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Adds `val` to the memory at `pointer` atomically. Returns the old values."""


def atomic_and(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Stores old & val at `pointer` atomically. Returns the old values."""


def atomic_cas(pointer, cmp, val, sem=None, scope=None) -> Any:
    """Stores `val` at `pointer` if the value there equals `cmp`, atomically. Returns the old values."""


def atomic_max(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Stores max(old, val) at `pointer` atomically. Returns the old values."""


def atomic_min(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Stores min(old, val) at `pointer` atomically. Returns the old values."""


def atomic_or(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Stores old | val at `pointer` atomically. Returns the old values."""


def atomic_xchg(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Stores `val` at `pointer` atomically. Returns the old values."""


def atomic_xor(pointer, val, mask=None, sem=None, scope=None) -> Any:
    """Stores old ^ val at `pointer` atomically. Returns the old values."""


def bitonic_merge(x, dim=None, descending=0) -> Any:
    """Sorts a bitonic sequence along `dim`, one step of a bitonic sort."""


def broadcast(input, other) -> Any:
    """Broadcasts `input` and `other` to their common shape."""


def broadcast_to(input, *shape) -> Any:
    """Broadcasts `input` to `shape`."""


def cast(input, dtype, fp_downcast_rounding=None, bitcast=None) -> Any:
    """Converts `input` to `dtype`, or reinterprets its bits with bitcast=True."""


def cat(input, other, can_reorder=None, dim=None) -> Any:
    """Joins two tensors end to end. The order of elements may change, so can_reorder=True is required."""


def cdiv(x, div) -> Any:
    """Ceiling division: the number of blocks of size `div` that cover `x`."""


def ceil(x) -> Any:
    """Rounds each element up to an integer."""


def clamp(x, min, max, propagate_nan=None) -> Any:
    """Limits each element of `x` to the range from `min` to `max`."""


def condition(arg1, disable_licm=None) -> Any:
    """The condition of a `while` loop, with hints for the compiler."""


def cos(x) -> Any:
    """Cosine."""


def cumprod(input, axis=0, reverse=False) -> Any:
    """Cumulative product along `axis`."""


def cumsum(input, axis=0, reverse=False, dtype=None) -> Any:
    """Cumulative sum along `axis`."""


def debug_barrier() -> Any:
    """Waits until all threads of the program get here."""


def device_assert(cond, msg=None, mask=None) -> Any:
    """Stops the launch with the message `msg` if `cond` is false. Only with debug=True or TRITON_DEBUG=1."""


def device_print(prefix, *args, hex=None) -> Any:
    """Prints `prefix` and each element of `args` when the kernel runs."""


def div_rn(x, y) -> Any:
    """Quotient of floats, correctly rounded."""


def dot(input, other, acc=None, input_precision=None, allow_tf32=None, max_num_imprecise_acc=None, out_dtype=None) -> Any:
    """Matrix product of `input` [M, K] and `other` [K, N], plus `acc` if it is given."""


def dot_scaled(lhs, lhs_scale, lhs_format, rhs, rhs_scale, rhs_format, acc=None, fast_math=None, lhs_k_pack=None, rhs_k_pack=None, out_dtype=None) -> Any:
    """Matrix product of operands in a microscaling format, each with its own scales."""


def erf(x) -> Any:
    """Error function."""


def exp(x) -> Any:
    """Exponential function."""


def exp2(x) -> Any:
    """Two to the power of each element."""


def expand_dims(input, axis) -> Any:
    """Adds an axis of size 1 at position `axis`."""


def fdiv(x, y, ieee_rounding=None) -> Any:
    """Quotient of floats."""


def flip(x, dim=None) -> Any:
    """Reverses the order of elements along `dim`."""


def floor(x) -> Any:
    """Rounds each element down to an integer."""


def fma(x, y, z) -> Any:
    """x * y + z with one rounding."""


def full(shape, value, dtype) -> Any:
    """A tensor of the given shape and dtype, filled with `value`."""


def gather(src, index, axis) -> Any:
    """The elements of `src` at the positions `index` along `axis`."""


def histogram(input, num_bins, mask=None) -> Any:
    """Counts how many elements of `input` equal 0, 1, ..., num_bins - 1."""


def interleave(a, b) -> Any:
    """Interleaves `a` and `b` along their last axis."""


def join(a, b) -> Any:
    """Joins `a` and `b` along a new last axis of size 2."""


def load(pointer, mask=None, other=None, boundary_check=None, padding_option=None, cache_modifier=None, eviction_policy=None, volatile=None) -> Any:
    """Loads the elements at `pointer`. Where `mask` is false nothing is read, and the result is `other`."""


def load_tensor_descriptor(desc, offsets) -> Any:
    """Loads the block at `offsets` from a tensor descriptor."""


def log(x) -> Any:
    """Natural logarithm."""


def log2(x) -> Any:
    """Logarithm to base 2."""


def logical_and(input, other) -> Any:
    """Logical and of two conditions, elementwise."""


def logical_or(input, other) -> Any:
    """Logical or of two conditions, elementwise."""


def make_block_ptr(base, shape, strides, offsets, block_shape, order) -> Any:
    """A pointer to a block of the array at `base`; load it with boundary_check, and move it with `advance`."""


def make_tensor_descriptor(base, shape, strides, block_shape, padding_option=None) -> Any:
    """A descriptor of the array at `base`, from which blocks are loaded and to which they are stored."""


def map_elementwise(scalar_fn, *args, pack=None) -> Any:
    """Calls the @triton.jit function `scalar_fn` for each element, `pack` elements at a time."""


def max(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False) -> Any:
    """Largest element along `axis`, or of the whole tensor."""


def max_constancy(input, values) -> Any:
    """States that `values` elements in a row are equal."""


def max_contiguous(input, values) -> Any:
    """States that `values` elements in a row are consecutive integers."""


def maximum(x, y, propagate_nan=None) -> Any:
    """The larger of two values, elementwise."""


def min(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False) -> Any:
    """Smallest element along `axis`, or of the whole tensor."""


def minimum(x, y, propagate_nan=None) -> Any:
    """The smaller of two values, elementwise."""


def mul(x, y, sanitize_overflow=None) -> Any:
    """Product, the same as `x * y`."""


def multiple_of(input, values) -> Any:
    """States that the elements are multiples of `values`."""


def num_programs(axis) -> Any:
    """Number of programs of the launch along `axis` of the grid."""


def pair_uniform_to_normal(u1, u2) -> Any:
    """Turns two uniform random numbers into two normal ones."""


def permute(input, *dims) -> Any:
    """Reorders the axes."""


def philox(seed, c0, c1, c2, c3, n_rounds=10) -> Any:
    """Four random 32-bit integers for a seed and a counter."""


def philox_impl(c0, c1, c2, c3, k0, k1, n_rounds=10) -> Any:
    """The rounds of the Philox generator."""


def program_id(axis) -> Any:
    """Number of this program along `axis` of the grid."""


def rand(seed, offset, n_rounds=10) -> Any:
    """Uniform random floats in [0, 1)."""


def rand4x(seed, offsets, n_rounds=10) -> Any:
    """Four tensors of uniform random floats in [0, 1)."""


def randint(seed, offset, n_rounds=10) -> Any:
    """Random 32-bit integers."""


def randint4x(seed, offset, n_rounds=10) -> Any:
    """Four tensors of random 32-bit integers."""


def randn(seed, offset, n_rounds=10) -> Any:
    """Normally distributed random floats."""


def randn4x(seed, offset, n_rounds=10) -> Any:
    """Four tensors of normally distributed random floats."""


def range(arg1, arg2=None, step=None, num_stages=None, loop_unroll_factor=None, disallow_acc_multi_buffer=None, flatten=None, warp_specialize=None, disable_licm=None) -> Any:
    """The range of a `for` loop, with hints for the compiler."""


def ravel(x, can_reorder=False) -> Any:
    """The tensor with one axis."""


def reduce(input, axis, combine_fn, keep_dims=None) -> Any:
    """Reduces along `axis` with the @triton.jit function `combine_fn(a, b)`. `input` can be a tuple of tensors."""


def reduce_or(input, axis, keep_dims=False) -> Any:
    """Bitwise or along `axis`."""


def reshape(input, *shape, can_reorder=None) -> Any:
    """The same elements in another shape."""


def rsqrt(x) -> Any:
    """One divided by the square root."""


def sigmoid(x) -> Any:
    """1 / (1 + exp(-x))."""


def sin(x) -> Any:
    """Sine."""


def softmax(x, dim=None, keep_dims=False, ieee_rounding=False) -> Any:
    """Softmax along `dim`."""


def sort(x, dim=None, descending=0) -> Any:
    """Sorts the elements along `dim`."""


def split(a) -> Any:
    """Splits a tensor whose last axis has size 2 into two tensors."""


def sqrt(x) -> Any:
    """Square root."""


def sqrt_rn(x) -> Any:
    """Square root, correctly rounded."""


def squeeze(input, axis) -> Any:
    """Removes an axis of size 1."""


def static_assert(cond, msg=None) -> Any:
    """Stops the compilation with the message `msg` if `cond`, a compile-time condition, is false."""


def static_print(*values, sep=None, end=None, file=None, flush=None) -> Any:
    """Prints compile-time values during compilation."""


def static_range(arg1, arg2=None, step=None) -> Any:
    """The range of a `for` loop that is unrolled."""


def store(pointer, value, mask=None, boundary_check=None, cache_modifier=None, eviction_policy=None) -> Any:
    """Stores `value` at `pointer` where `mask` is true."""


def store_tensor_descriptor(desc, offsets, value) -> Any:
    """Stores `value` as the block at `offsets` of a tensor descriptor."""


def sub(x, y, sanitize_overflow=None) -> Any:
    """Difference, the same as `x - y`."""


def sum(input, axis=None, keep_dims=False, dtype=None) -> Any:
    """Sum along `axis`, or of the whole tensor."""


def swizzle2d(i, j, size_i, size_j, size_g) -> Any:
    """Reorders the programs of a size_i by size_j grid in groups of size_g rows."""


def to_tensor(x) -> Any:
    """Converts a number to a scalar tensor."""


def topk(x, k, dim=None) -> Any:
    """The `k` largest elements along `dim`."""


def trans(input, *dims) -> Any:
    """Exchanges the last two axes, or reorders the axes to `dims`."""


def uint_to_uniform_float(x) -> Any:
    """Turns random integers into uniform floats in [0, 1)."""


def umulhi(x, y) -> Any:
    """The high half of the product of unsigned integers."""


def unsqueeze(input, axis) -> Any:
    """Adds an axis of size 1 at position `axis`."""


def view(input, *shape) -> Any:
    """The same elements in another shape."""


def where(condition, x, y) -> Any:
    """The elements of `x` where `condition` is true, and of `y` elsewhere."""


def xor_sum(input, axis=None, keep_dims=False) -> Any:
    """Bitwise exclusive or along `axis`."""


def zeros(shape, dtype) -> Any:
    """A tensor of the given shape and dtype, filled with zeros."""


def zeros_like(input) -> Any:
    """A tensor of zeros with the shape and dtype of `input`."""
