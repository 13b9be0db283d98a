# Strings at compile time consist of characters, not of bytes: lengths, indices, slices, searches and widths count characters as in Python.
# run: @lengths o=zeros:i32[8] => o=[3, 1, 233, 2, 4, 1, 3, 128512]
# run: @texts o=zeros:i32[8] => o=[1, 1, 1, 1, 1, 1, 1, 1]
# run: @iterators o=zeros:i32[4] => o=[1, 5, 0, 9]
import itertools

import triton
import triton.language as tl


@triton.constexpr_function
def numbers():
    word = "aéz"
    return (len(word), word.find("é"), ord(word[1]), word.index("z"), word.count(""), "€uro".rfind("u"), len("😀" + word[-2:]), ord("😀"))


@triton.constexpr_function
def checks():
    return (
        "aéz"[::-1] == "zéa",
        [c for c in "aé"] == ["a", "é"],
        f"{'é':*^5}|{'é':€<3}|{'éàü':.2}" == "**é**|é€€|éà",
        "é".rjust(3, "→") + "é".center(3) == "→→é é ",
        chr(233) + "%c" % 8364 + "{:c}".format(0x1F600) == "é€😀",
        "éèé".strip("é") == "è" and "→x".lstrip("←") == "→x",
        f"{'é€😀'!a}" + "%a" % "é" == "'\\xe9\\u20ac\\U0001f600''\\xe9'",
        sorted("éa") == ["a", "é"] and repr("é") == "'é'",
    )


@triton.constexpr_function
def firsts():
    return next(iter([1])), next(x for x in (4, 5) if x > 4), next(zip((0, ), (1, )))[0], next(itertools.chain((9, ), ()))


@triton.jit
def lengths(o):
    for k in tl.static_range(8):
        tl.store(o + k, numbers()[k])


@triton.jit
def texts(o):
    for k in tl.static_range(8):
        tl.store(o + k, checks()[k])


@triton.jit
def iterators(o):
    for k in tl.static_range(4):
        tl.store(o + k, firsts()[k])
