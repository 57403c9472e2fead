"""pointsctl executes, refuses and proves a deployment checklist for PostgreSQL and Supabase."""

__version__ = "0.1.0"
