"""A roll-out on a throw-away cluster: one state of a folder after another, while clients write."""
