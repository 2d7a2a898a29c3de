"""An inventory becomes the texts of a folder."""
