"""The embedded default: a private PostgreSQL, an object store folder, a reference points service, planted faults."""
