"""The panes of the main screen, one file each; every one runs alone: ``python -m vmtui.tui.panes.walk``."""
