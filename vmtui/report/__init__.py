"""What a played scenario is told as: text for a reader, JSON for a program."""
