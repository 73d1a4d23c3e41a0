"""The terminal application: the only package of vmtui that imports Textual.

It draws the frozen models of ``vmtui.view`` and moves a ``Session`` and a ``Player``.
Nothing here reads a kernel structure.
"""
