"""What a cluster is made of: the values, the rules that they keep, and how words and files become them."""
