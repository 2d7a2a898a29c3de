"""A folder follows its inventory, and what a team has edited stays."""
