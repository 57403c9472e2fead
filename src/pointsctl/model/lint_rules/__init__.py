"""What squawk does not see in a migration, a theme in each file."""
