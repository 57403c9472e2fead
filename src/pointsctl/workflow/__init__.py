"""Use cases, one a file: they take values, return values and print nothing."""
