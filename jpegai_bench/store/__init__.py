"""Results on disk: units, runs, pictures, leases, and what is removed."""
