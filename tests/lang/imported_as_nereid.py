# Nereid's own modules are Triton's under another name, and a kernel may be decorated by a call.
# run: @doubled x=i32[1, 2] o=i32[0; 2]  =>  o=[3, 5]
import nereid
import nereid.language as tl
from nereid.language import load as read

ONE = tl.constexpr(1)


def twice(x):
    return x * 2


def doubled(x, o):
    i = tl.arange(0, 2)
    tl.store(o + i, twice(read(x + i)) + ONE)


twice = nereid.jit(twice)
doubled = nereid.jit(doubled)
