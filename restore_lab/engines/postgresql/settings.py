"""The settings of a throwaway PostgreSQL server, and those our connections hold against a dump's own.

Source: PostgreSQL manual, "Server Configuration".
"""

from __future__ import annotations

from typing import Final

#: On the command line, where ALTER SYSTEM in a dump cannot reach them.
SERVER: Final = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
    "max_connections": "20",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    # Files of the cluster in place of /dev/shm, which containers keep small.
    "dynamic_shared_memory_type": "mmap",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What the server says of failed statements quotes rows: it is told to the client alone.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "logging_collector": "off",
}
#: Fixed for our own questions, whatever the dump set for databases and roles.
QUESTIONING: Final = {
    "search_path": "pg_catalog",
    "row_security": "off",
    "default_transaction_read_only": "off",
    "standard_conforming_strings": "on",
    "client_min_messages": "error",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "timezone": "UTC",
    "lc_messages": "C",
}
#: A role or database of the dump may carry a timeout: it would meet the statements that are given again.
LOADING: Final = {
    "default_transaction_read_only": "off",
    "lc_messages": "C",
    "statement_timeout": "0",
    "lock_timeout": "0",
}
#: From 17 on an event trigger may fire at login, and this keeps it from doing so.
LOGIN_TRIGGERS_SINCE: Final = 17
#: For the operator's questions, so that equal values read the same everywhere: their search path stays what the
#: practice's database says.
READING: Final = {
    "default_transaction_read_only": "on",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "timezone": "UTC",
    "client_min_messages": "error",
}
