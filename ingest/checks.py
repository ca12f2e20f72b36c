"""System checks of the data plane."""
