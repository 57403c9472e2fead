"""Who runs the command, as the machine names them: said in the ledger by records that nobody signs."""

from __future__ import annotations

import getpass
import os


def operator_name() -> str:
    """The name that the operator is logged in with; it is what they say, and proves nothing."""
    try:
        return getpass.getuser()[:200] or f"uid {os.getuid()}"
    except (KeyError, OSError):  # no account of that number on this machine, as in many containers
        return f"uid {os.getuid()}"
