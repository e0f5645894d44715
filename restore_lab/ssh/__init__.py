"""Commands on another machine over SSH: the only package that uses paramiko."""
