"""The world: one folder for each kind of thing that the ports ask for."""
