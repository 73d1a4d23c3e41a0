"""Journaled state: columns, structs and containers whose every change lies on one tape.

Nothing here knows of memory management.
"""
