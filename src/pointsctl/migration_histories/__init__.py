"""Who writes down which migrations a database has had: one file per kind of history, all of them read-only."""
