"""Requests and profiles become certificates, as cfssl signs them; certificates are read back."""
