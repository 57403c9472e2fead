"""Open set, still empty: one file for each platform that runs edge functions."""
