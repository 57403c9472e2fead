"""Room for reading and appending `migration_audit`."""
