# Lists at compile time can contain themselves, and be nested deeply: neither ends the compiler.
# run: @k out=zeros:i32[3]  =>  out=[1, 1, 1]
import triton
import triton.language as tl


@triton.constexpr_function
def itself():
    x = [1]
    x.append(x)
    y = [1]
    y.append(y)
    return int(len(str(x)) > 6) + int(x == y)


@triton.constexpr_function
def deep():
    x = [1]
    for _ in range(100000):
        x = [x]
    return int(len(str(x)) > 6)


@triton.constexpr_function
def shared():
    x = [1]
    for _ in range(60):
        x = [x, x]
    return int(len(str(x)) > 6)


@triton.jit
def k(out):
    tl.store(out, itself())
    tl.store(out + 1, deep())
    tl.store(out + 2, shared())
