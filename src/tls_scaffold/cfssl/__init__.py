"""cfssl's documents and words, and Go's way of reading them."""
