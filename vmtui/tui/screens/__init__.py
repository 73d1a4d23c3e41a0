"""The screens: the main one, and the overlays that open above it. Each has its .tcss beside it."""
