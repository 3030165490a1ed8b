"""The transform networks, the entropy model and the bitstream."""
