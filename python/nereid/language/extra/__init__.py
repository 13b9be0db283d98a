# SPDX-License-Identifier: MIT
"""Extensions of the language: libdevice, and functions about the target."""
from . import libdevice, target_info
