"""What the documentation shows of the program, by running it: `filled(text)` fills the marked blocks of a page."""
