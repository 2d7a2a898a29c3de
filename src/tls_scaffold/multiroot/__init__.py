"""What cfssl's multirootca reads to sign for folders: pure text and data, nothing is read here."""
