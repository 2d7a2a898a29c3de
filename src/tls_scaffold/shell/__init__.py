"""Reads shell: the words and commands that a script, or a line of a recipe, consists of."""
