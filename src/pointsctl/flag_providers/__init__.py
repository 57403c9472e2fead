"""Open set, still empty: one file for each system that holds feature flags."""
