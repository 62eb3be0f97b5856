"""The demo: sample orders through the public API of a running stack, and a look at what became of them."""
