"""The folder on the disk: whole files, locks, and what a killed run left."""
