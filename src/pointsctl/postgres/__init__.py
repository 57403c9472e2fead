"""The only room that speaks to PostgreSQL: connections, identities, snapshots, SQL files, private clusters."""
