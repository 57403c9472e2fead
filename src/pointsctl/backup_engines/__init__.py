"""Open set, still empty: one file for each way to take a backup."""
