"""Who applies migrations: one file per engine."""
