"""Several jobs of one command line, by any launcher."""
