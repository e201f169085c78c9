"""The reports that load tools make of their own runs: statistics already computed, not samples."""
