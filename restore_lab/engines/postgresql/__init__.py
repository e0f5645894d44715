"""PostgreSQL: archives and plain dumps into a throwaway cluster."""
