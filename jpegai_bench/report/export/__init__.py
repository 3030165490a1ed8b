"""A study in one archive."""
