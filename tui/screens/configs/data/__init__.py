"""Data: the images that a config trains on, class by class, and what augmentation makes of them."""
