"""Both sides of streaming data reporting (TS 28.532 11.5)."""
