"""One call, on a clock that the test turns."""
