"""Readable twins of the compiled kernels: NumPy, slow, and close to the formulas."""
