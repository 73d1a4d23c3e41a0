"""Widgets that draw view models and know nothing of what the models mean."""
