"""MariaDB: dumps of MariaDB and MySQL into a throwaway MariaDB server."""
