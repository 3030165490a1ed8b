"""What source does, as a hash: the part of a key that changes with the code."""
