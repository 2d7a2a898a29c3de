"""What Makefiles sign, read back from them."""
