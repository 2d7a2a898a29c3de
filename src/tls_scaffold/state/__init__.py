"""What a folder holds, beside what asks for it."""
