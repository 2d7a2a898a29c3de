"""Shell scripts that call cfssl, read and never run: what they would sign."""
