"""One verb, one file: plain values in, frozen values out."""
