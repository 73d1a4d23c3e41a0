"""What the screen says, as frozen models built from a Session at its cursor; no terminal library."""
