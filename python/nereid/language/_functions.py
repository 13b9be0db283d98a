# SPDX-License-Identifier: MIT
"""The functions of the language, with parameters and one sentence each, for help(tl.load) and editors.

tests/python/test_language.py compares the parameters with the compiler's own table. After a change run scripts/tl_stub.py, which writes __init__.pyi.
"""
import inspect

FUNCTIONS = """
abs(x): Absolute value of each element.
add(x, y, sanitize_overflow=None): Sum, the same as `x + y`.
advance(base, offsets): Returns the block pointer `base` moved by `offsets`, one per axis.
arange(start, end): The integers start, start + 1, ..., end - 1 as an int32 tensor. end - start must be a power of two.
argmax(input, axis, tie_break_left=True, keep_dims=False): Index of the largest element along `axis`.
argmin(input, axis, tie_break_left=True, keep_dims=False): Index of the smallest element along `axis`.
associative_scan(input, axis, combine_fn, reverse=None): Inclusive scan along `axis` with the @triton.jit function `combine_fn(a, b)`. `input` can be a tuple of tensors.
assume(cond): States that the scalar condition `cond` is true.
atomic_add(pointer, val, mask=None, sem=None, scope=None): Adds `val` to the memory at `pointer` atomically. Returns the old values.
atomic_and(pointer, val, mask=None, sem=None, scope=None): Stores old & val at `pointer` atomically. Returns the old values.
atomic_cas(pointer, cmp, val, sem=None, scope=None): Stores `val` at `pointer` if the value there equals `cmp`, atomically. Returns the old values.
atomic_max(pointer, val, mask=None, sem=None, scope=None): Stores max(old, val) at `pointer` atomically. Returns the old values.
atomic_min(pointer, val, mask=None, sem=None, scope=None): Stores min(old, val) at `pointer` atomically. Returns the old values.
atomic_or(pointer, val, mask=None, sem=None, scope=None): Stores old | val at `pointer` atomically. Returns the old values.
atomic_xchg(pointer, val, mask=None, sem=None, scope=None): Stores `val` at `pointer` atomically. Returns the old values.
atomic_xor(pointer, val, mask=None, sem=None, scope=None): Stores old ^ val at `pointer` atomically. Returns the old values.
bitonic_merge(x, dim=None, descending=0): Sorts a bitonic sequence along `dim`, one step of a bitonic sort.
broadcast(input, other): Broadcasts `input` and `other` to their common shape.
broadcast_to(input, *shape): Broadcasts `input` to `shape`.
cast(input, dtype, fp_downcast_rounding=None, bitcast=None): Converts `input` to `dtype`, or reinterprets its bits with bitcast=True.
cat(input, other, can_reorder=None, dim=None): Joins two tensors end to end. The order of elements may change, so can_reorder=True is required.
cdiv(x, div): Ceiling division: the number of blocks of size `div` that cover `x`.
ceil(x): Rounds each element up to an integer.
clamp(x, min, max, propagate_nan=None): Limits each element of `x` to the range from `min` to `max`.
condition(arg1, disable_licm=None): The condition of a `while` loop, with hints for the compiler.
cos(x): Cosine.
cumprod(input, axis=0, reverse=False): Cumulative product along `axis`.
cumsum(input, axis=0, reverse=False, dtype=None): Cumulative sum along `axis`.
debug_barrier(): Waits until all threads of the program get here.
device_assert(cond, msg=None, mask=None): Stops the launch with the message `msg` if `cond` is false. Only with debug=True or TRITON_DEBUG=1.
device_print(prefix, *args, hex=None): Prints `prefix` and each element of `args` when the kernel runs.
div_rn(x, y): Quotient of floats, correctly rounded.
dot(input, other, acc=None, input_precision=None, allow_tf32=None, max_num_imprecise_acc=None, out_dtype=None): Matrix product of `input` [M, K] and `other` [K, N], plus `acc` if it is given.
dot_scaled(lhs, lhs_scale, lhs_format, rhs, rhs_scale, rhs_format, acc=None, fast_math=None, lhs_k_pack=None, rhs_k_pack=None, out_dtype=None): Matrix product of operands in a microscaling format, each with its own scales.
erf(x): Error function.
exp(x): Exponential function.
exp2(x): Two to the power of each element.
expand_dims(input, axis): Adds an axis of size 1 at position `axis`.
fdiv(x, y, ieee_rounding=None): Quotient of floats.
flip(x, dim=None): Reverses the order of elements along `dim`.
floor(x): Rounds each element down to an integer.
fma(x, y, z): x * y + z with one rounding.
full(shape, value, dtype): A tensor of the given shape and dtype, filled with `value`.
gather(src, index, axis): The elements of `src` at the positions `index` along `axis`.
histogram(input, num_bins, mask=None): Counts how many elements of `input` equal 0, 1, ..., num_bins - 1.
interleave(a, b): Interleaves `a` and `b` along their last axis.
join(a, b): Joins `a` and `b` along a new last axis of size 2.
load(pointer, mask=None, other=None, boundary_check=None, padding_option=None, cache_modifier=None, eviction_policy=None, volatile=None): Loads the elements at `pointer`. Where `mask` is false nothing is read, and the result is `other`.
load_tensor_descriptor(desc, offsets): Loads the block at `offsets` from a tensor descriptor.
log(x): Natural logarithm.
log2(x): Logarithm to base 2.
logical_and(input, other): Logical and of two conditions, elementwise.
logical_or(input, other): Logical or of two conditions, elementwise.
make_block_ptr(base, shape, strides, offsets, block_shape, order): A pointer to a block of the array at `base`; load it with boundary_check, and move it with `advance`.
make_tensor_descriptor(base, shape, strides, block_shape, padding_option=None): A descriptor of the array at `base`, from which blocks are loaded and to which they are stored.
map_elementwise(scalar_fn, *args, pack=None): Calls the @triton.jit function `scalar_fn` for each element, `pack` elements at a time.
max(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False): Largest element along `axis`, or of the whole tensor.
max_constancy(input, values): States that `values` elements in a row are equal.
max_contiguous(input, values): States that `values` elements in a row are consecutive integers.
maximum(x, y, propagate_nan=None): The larger of two values, elementwise.
min(input, axis=None, return_indices=False, return_indices_tie_break_left=True, keep_dims=False): Smallest element along `axis`, or of the whole tensor.
minimum(x, y, propagate_nan=None): The smaller of two values, elementwise.
mul(x, y, sanitize_overflow=None): Product, the same as `x * y`.
multiple_of(input, values): States that the elements are multiples of `values`.
num_programs(axis): Number of programs of the launch along `axis` of the grid.
pair_uniform_to_normal(u1, u2): Turns two uniform random numbers into two normal ones.
permute(input, *dims): Reorders the axes.
philox(seed, c0, c1, c2, c3, n_rounds=10): Four random 32-bit integers for a seed and a counter.
philox_impl(c0, c1, c2, c3, k0, k1, n_rounds=10): The rounds of the Philox generator.
program_id(axis): Number of this program along `axis` of the grid.
rand(seed, offset, n_rounds=10): Uniform random floats in [0, 1).
rand4x(seed, offsets, n_rounds=10): Four tensors of uniform random floats in [0, 1).
randint(seed, offset, n_rounds=10): Random 32-bit integers.
randint4x(seed, offset, n_rounds=10): Four tensors of random 32-bit integers.
randn(seed, offset, n_rounds=10): Normally distributed random floats.
randn4x(seed, offset, n_rounds=10): Four tensors of normally distributed random floats.
range(arg1, arg2=None, step=None, num_stages=None, loop_unroll_factor=None, disallow_acc_multi_buffer=None, flatten=None, warp_specialize=None, disable_licm=None): The range of a `for` loop, with hints for the compiler.
ravel(x, can_reorder=False): The tensor with one axis.
reduce(input, axis, combine_fn, keep_dims=None): Reduces along `axis` with the @triton.jit function `combine_fn(a, b)`. `input` can be a tuple of tensors.
reduce_or(input, axis, keep_dims=False): Bitwise or along `axis`.
reshape(input, *shape, can_reorder=None): The same elements in another shape.
rsqrt(x): One divided by the square root.
sigmoid(x): 1 / (1 + exp(-x)).
sin(x): Sine.
softmax(x, dim=None, keep_dims=False, ieee_rounding=False): Softmax along `dim`.
sort(x, dim=None, descending=0): Sorts the elements along `dim`.
split(a): Splits a tensor whose last axis has size 2 into two tensors.
sqrt(x): Square root.
sqrt_rn(x): Square root, correctly rounded.
squeeze(input, axis): Removes an axis of size 1.
static_assert(cond, msg=None): Stops the compilation with the message `msg` if `cond`, a compile-time condition, is false.
static_print(*values, sep=None, end=None, file=None, flush=None): Prints compile-time values during compilation.
static_range(arg1, arg2=None, step=None): The range of a `for` loop that is unrolled.
store(pointer, value, mask=None, boundary_check=None, cache_modifier=None, eviction_policy=None): Stores `value` at `pointer` where `mask` is true.
store_tensor_descriptor(desc, offsets, value): Stores `value` as the block at `offsets` of a tensor descriptor.
sub(x, y, sanitize_overflow=None): Difference, the same as `x - y`.
sum(input, axis=None, keep_dims=False, dtype=None): Sum along `axis`, or of the whole tensor.
swizzle2d(i, j, size_i, size_j, size_g): Reorders the programs of a size_i by size_j grid in groups of size_g rows.
to_tensor(x): Converts a number to a scalar tensor.
topk(x, k, dim=None): The `k` largest elements along `dim`.
trans(input, *dims): Exchanges the last two axes, or reorders the axes to `dims`.
uint_to_uniform_float(x): Turns random integers into uniform floats in [0, 1).
umulhi(x, y): The high half of the product of unsigned integers.
unsqueeze(input, axis): Adds an axis of size 1 at position `axis`.
view(input, *shape): The same elements in another shape.
where(condition, x, y): The elements of `x` where `condition` is true, and of `y` elsewhere.
xor_sum(input, axis=None, keep_dims=False): Bitwise exclusive or along `axis`.
zeros(shape, dtype): A tensor of the given shape and dtype, filled with zeros.
zeros_like(input): A tensor of zeros with the shape and dtype of `input`.
"""


def signatures():
    """{name: (signature, doc)}"""
    found = {}
    for line in FUNCTIONS.strip().splitlines():
        head, doc = line.split("): ", 1)
        name, params = head.split("(", 1)
        scope = {}
        exec(f"def {name}({params}): ...", scope)
        found[name] = inspect.signature(scope[name]), doc
    return found
