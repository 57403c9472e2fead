"""Open set: one file for each format in which a run can be reported."""
