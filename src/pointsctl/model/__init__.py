"""Pure values and decisions: no file, network, clock or terminal is touched in this layer."""
