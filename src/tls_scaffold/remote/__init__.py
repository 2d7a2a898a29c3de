"""Signing servers of cfssl: what is asked of them, over which wire, and what they answer."""
