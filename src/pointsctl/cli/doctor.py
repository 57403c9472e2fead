"""`pointsctl doctor`: placeholder until the real one lands."""


def doctor() -> int:
    """To be replaced."""
    return 4
