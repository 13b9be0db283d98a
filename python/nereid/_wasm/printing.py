# SPDX-License-Identifier: MIT
"""Lines of tl.device_print, formatted like C's printf."""
import struct


def printed(site, program, read, at):
    """The line of a print. At `at` are 8 bytes of its value and, for a tile, 4 bytes with the element's index; `read` returns memory."""
    head = f"pid ({', '.join(map(str, program))})"
    kind = site.get("value")
    if not kind:
        return head + site["text"]
    data = bytes(read(at, 12))
    bits, = struct.unpack_from("<Q", data)
    shape = site["shape"]
    if kind == "i64":
        text = str(bits - (1 << 64) if bits >> 63 else bits)
    elif kind == "u64":
        text = str(bits)
    elif kind == "f64":
        value, = struct.unpack_from("<d", data)
        text = "%f" % value if value == value else "nan"
    elif kind == "ptr":
        text = f"0x{bits:x}" if bits else "(nil)"
    else:
        text = f"0x{bits:0{int(kind[3:]) // 4}x}"
    return f"{head} idx ({_index(shape, struct.unpack_from('<I', data, 8)[0] if shape else 0)}){site['text']}{text}"


def _index(shape, element):
    """The row-major index of an element, each number padded to the width of the largest one."""
    numbers = []
    for size in reversed(shape):
        numbers.insert(0, str(element % size).rjust(len(str(size - 1))))
        element //= size
    return ", ".join(numbers)
