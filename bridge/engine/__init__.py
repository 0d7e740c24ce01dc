"""Layer 2: engines. Slots and ticks; each engine in a folder of its own, all behind `interface.Engine`."""
