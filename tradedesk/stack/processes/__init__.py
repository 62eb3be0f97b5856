"""The processes of a stack: their command lines, starting and ending one, and the policy for what dies."""
