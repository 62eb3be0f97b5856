"""A system with years of orders: rows stored quickly, the lists read over them, the path measured again."""
