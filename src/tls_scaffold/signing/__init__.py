"""Requests and profiles become certificates, as cfssl signs them, and certificates are read back."""
