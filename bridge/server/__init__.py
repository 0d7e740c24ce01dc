"""Layer 4: shells. HTTP app and sockets, call store, metrics, the supervised engine process."""
