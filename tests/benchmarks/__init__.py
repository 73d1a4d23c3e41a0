"""What the simulator costs, beside the real kernel: ``make bench``.  Not part of the test suite."""
