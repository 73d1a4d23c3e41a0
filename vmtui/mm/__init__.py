"""The simulated kernel.

Files are named after the kernel's own ``mm/*.c``.  A function that yields is *watched*: it yields a
`step` after each candidate and each decision, and is always called by ``yield from``.
"""
