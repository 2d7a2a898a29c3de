"""Reads shell that calls cfssl, scripts and lines of recipes, and never runs it."""
