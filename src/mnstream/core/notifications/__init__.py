"""Both sides of reliable notifications (the SA5 study 5.a, TS 28.622 4.3.21-23)."""
