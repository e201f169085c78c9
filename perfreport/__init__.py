"""Production readiness from load test results; see README.md."""

__version__ = "0.1.0"
