"""Import of images and labels, in whatever form they come, as a data set of our own."""
