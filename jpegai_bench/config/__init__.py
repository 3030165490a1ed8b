"""What a configuration may hold, where it comes from, and what it means; Hydra is asked here."""
