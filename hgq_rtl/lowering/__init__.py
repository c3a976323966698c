"""From Keras models to graphs: replay the forward pass on symbolic integers."""
