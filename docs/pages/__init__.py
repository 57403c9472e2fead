"""The generated pages, one file each: every `page()` returns the whole text of its page."""
