"""Layer: the only room that speaks to object stores (S3 and what speaks like it)."""
