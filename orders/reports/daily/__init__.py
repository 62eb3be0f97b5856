"""Start and end of day: their sections, the documents made of them, those that were kept and signed off."""
