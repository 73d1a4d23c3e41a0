"""The kernel underneath: real processes that do what a scenario says, observed through /proc."""
