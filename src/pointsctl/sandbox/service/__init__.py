"""The reference points service: what the three edge functions and the admin page do, for the sandbox and for tests."""
