"""Films of a run: its weights and statistics over the epochs, thinned to a bounded size."""
