"""Open set: one file for each kind of check that a checklist item can name."""
