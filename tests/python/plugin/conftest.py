# SPDX-License-Identifier: MIT
import os
import tempfile

os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp(prefix="nereid-test-")
