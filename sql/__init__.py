"""SQL that ships with pointsctl; installed as the package `pointsctl.sql`."""
