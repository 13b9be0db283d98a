# Branches that constexprs make dead may hold any Python.
# run: @k out=zeros:i32[1]  =>  out=[1]
import triton
import triton.language as tl


@triton.jit
def k(out, MODE: tl.constexpr = 0):
    if MODE == 0:
        tl.store(out, 1)
    elif MODE == 1:
        raise NotImplementedError(f"mode {MODE!r:>{10}}") from None
    elif MODE in (2, 3) and 0 < MODE < 9:
        for i in range(4):
            if i not in {1, 2}:
                break
            continue
        else:
            pass
        while True:
            break
        else:
            del out
    elif MODE == 4:
        try:
            import math, os.path as p
            from .a import (b as c, d,)
        except* (ValueError, KeyError) as e:
            raise
        else:
            x = y = {"a": 1, **{}}
        finally:
            a, *b = [*range(3)]
    elif MODE == 5:
        @decorated(1)
        def inner[T](x: int, /, *args: int, y=lambda *a, **k: (yield), **kwargs) -> int:
            nonlocal out
            return (yield from x), x[1:2, *args]

        class C(object, metaclass=type):
            pass

        async def f():
            async with a as b, c:
                await b
            return [i async for i in x]
        global g
        z = {i: j for i, j in {} if i if j for k in j}, {i for i in x}, (i for i in x), [i := 1, 2j, 1.5J]
        x[0], y.a = f(*z, a=1, **z), b"x" f'{x!r}' f"{x['a']:{w}.{p}}" rf"{x}\d"
        x @= y @ z
        x.a: int = 3
        type X[T] = list[T]
        match x:
            case {"a": [1, *_]} | C(a=2) if x:
                pass
            case _:
                pass
    else:
        with (open("a") as f, g):
            assert out, "no"; pass
        print(x for x in y)
        if not (lambda: 1): return 1, *x
