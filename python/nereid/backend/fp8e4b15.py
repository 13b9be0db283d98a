# SPDX-License-Identifier: MIT
"""Conversions of fp8e4b15, which Triton's IR represents as i8: four bits of exponent with bias 15, three of mantissa, no infinity and no NaN.

Its exponent is that of fp16 without the highest bit, so conversions move bits.
"""
from triton.language import core

_LARGEST = 0x3F00  # 1.75 in fp16; larger magnitudes, infinity and NaN become it


def _like(value, element):
    return value.type.with_element_ty(element) if value.type.is_block() else element


def _typed(value, element):
    """Reinterprets the bits as another type."""
    return core.tensor(value.handle, _like(value, element))


@core.builtin
def convert(arg, dst_ty, fp_downcast_rounding=None, _semantic=None):
    s = _semantic
    u16 = core.uint16
    number = lambda n: s.scalar_constant(n, u16)
    if arg.type.scalar.is_fp8e4b15():
        bits = s.cast(_typed(arg, core.uint8), _like(arg, u16))
        sign = s.shl(s.and_(bits, number(0x80)), number(8))
        half = s.bitcast(s.or_(sign, s.shl(s.and_(bits, number(0x7F)), number(7))), _like(arg, core.float16))
        return half if dst_ty.scalar.is_fp16() else s.cast(half, _like(half, dst_ty.scalar))
    half = arg if arg.type.scalar.is_fp16() else s.cast(arg, _like(arg, core.float16), "rtz" if arg.type.scalar.is_fp32() else None)
    bits = s.bitcast(half, _like(half, u16))
    sign = s.and_(bits, number(0x8000))
    magnitude = s.minimum(s.and_(bits, number(0x7FFF)), number(_LARGEST), core.PropagateNan.NONE)
    # Round to nearest, ties away from zero.
    rounded = s.add(s.shl(magnitude, number(1)), number(0x80), False)
    byte = s.cast(s.lshr(s.or_(sign, rounded), number(8)), _like(sign, core.uint8))
    return _typed(byte, core.float8e4b15)
