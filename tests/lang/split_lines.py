# Line boundaries are those of Python: "\r\n" is one.
# run: @k x=zeros:i32[6]  =>  x=[3, 1, 1, 1, 2, 1]
import triton
import triton.language as tl


@triton.constexpr_function
def lines(s):
    return len(s.splitlines())


@triton.constexpr_function
def second(s):
    return len(s.splitlines()[1])


@triton.constexpr_function
def same():
    return 1 if "a\nb\r\nc".splitlines() == ["a", "b", "c"] else 0


@triton.jit
def k(x):
    tl.store(x, lines("a\nb\r\nc"))
    tl.store(x + 1, second("a\nb\r\nc"))
    tl.store(x + 2, same())
    tl.store(x + 3, lines("a\n"))
    tl.store(x + 4, lines("a\rb"))
    tl.store(x + 5, second("a\n\r\nb") + 1)
