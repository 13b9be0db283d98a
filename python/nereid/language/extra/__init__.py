# SPDX-License-Identifier: MIT
"""What stands beside the language: libdevice and questions about the target."""
from . import libdevice, target_info
