"""How the bundled models are made: ``python -m training DATA`` from the root of the repository."""
