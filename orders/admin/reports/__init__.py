"""The middle office's pages: cost of trading, executions as files, reports of a day, where alerts go."""
