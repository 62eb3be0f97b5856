"""What the pages share: the frame of a page, badges, filters, time zones, lists of own accounts only."""
