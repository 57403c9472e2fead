"""Entry point of the `pointsctl` program and of `python -m pointsctl`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with the code of the contract."""
    if sys.argv[1:] == ["--version"]:  # asked for by scripts, often: nothing else needs to be imported for it
        from pointsctl import __version__

        sys.stdout.write(f"pointsctl {__version__}\n")
        return
    from pointsctl.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
