"""Files, processes, cores, terminal: what is of no field."""
