"""What a cluster is made of: the values, their rules, and how options and files become them."""
