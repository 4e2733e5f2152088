"""The learning rate finder: a sweep of the open config, and the rate that it suggests."""
