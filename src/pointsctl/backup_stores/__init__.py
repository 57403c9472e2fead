"""Open set, still empty: one file for each place that keeps backups."""
