"""Open set, still empty: one file for each place that a measured number comes from."""
